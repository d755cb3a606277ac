"""What a model understands of other voices, rooms and lines: changed recordings, and recordings of others."""
