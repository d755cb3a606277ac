"""How published files of several kinds become releases: what the rows of the importers' table open."""
