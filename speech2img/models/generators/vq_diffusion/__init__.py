"""Discrete diffusion over an image codec's tokens (VQ-Diffusion, Gu et al., arXiv:2111.14822)."""
