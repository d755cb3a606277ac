"""Augmentation of waveforms: one file an effect, and ``augment`` that draws from them by seed, index and copy."""
