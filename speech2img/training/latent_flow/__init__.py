"""Training of the latent flow: speech to the latents of an image codec."""
