"""Pictures: reading, cropping, size pyramids, grids, and the image store."""
