"""What a model eats: batches drawn in a reproducible, resumable order."""
