"""Training of a recogniser: log-mels to characters."""
