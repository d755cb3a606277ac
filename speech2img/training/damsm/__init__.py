"""Training of a DAMSM."""
