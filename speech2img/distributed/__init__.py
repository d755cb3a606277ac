"""Work of several processes: collectives, batch norm over all of them, divided lists."""
