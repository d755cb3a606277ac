"""Speaking the captions of a whole corpus."""
