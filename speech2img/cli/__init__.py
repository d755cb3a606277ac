"""The command line: one thin file a verb, and nothing that a library user would miss."""
