"""Training of speech encoders."""
