"""Training of the prior: speech embedding to image features."""
