"""Image generators and what judges or guides them."""
