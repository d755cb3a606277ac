"""Metrics as functions of arrays, in float64, with intervals."""
