"""Corpora: manifests and readers, and the corpus that the library makes itself."""
