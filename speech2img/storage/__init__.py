"""Bytes on disk: atomic writes, restricted pickles, checkpoints, releases, journal and lock."""
