"""Stores of arrays in HDF5, with checksums of every byte."""
