"""Checks of a corpus's files: decoding, leaks between splits, records of what was found."""
