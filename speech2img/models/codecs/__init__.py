"""Image codecs: images to latents of an eighth of the side, and back."""
