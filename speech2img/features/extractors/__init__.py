"""Frozen networks of published losses and targets, one file each: rows of the registry of extractors."""
