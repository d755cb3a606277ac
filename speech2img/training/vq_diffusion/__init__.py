"""Training of the discrete diffusion: speech to the tokens of an image codec."""
