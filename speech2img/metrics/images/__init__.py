"""Sets of images to be compared, their features and statistics."""
