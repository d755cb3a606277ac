"""Training of an image codec of our own: images to latents and back."""
