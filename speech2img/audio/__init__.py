"""Sound: reading and writing recordings, the named log-mel presets, and the mel store."""
