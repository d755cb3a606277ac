"""The user's own corpus: a tree of pictures with recordings and caption lines, read as it lies."""
