"""Evaluation of a model, or of two folders of images."""
