"""Speech encoders: log-mel in, embeddings out."""
