"""Training of Tacotron 2."""
