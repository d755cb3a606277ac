"""Training of stacked generators against discriminators."""
