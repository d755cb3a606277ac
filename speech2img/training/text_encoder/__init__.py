"""Training of a text encoder: captions to speech embeddings."""
