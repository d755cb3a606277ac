"""Training of AttnGAN."""
