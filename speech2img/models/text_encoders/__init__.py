"""Text encoders: written captions to a sentence vector, and to one vector a word where a network has them."""
