"""Songbirds: the small corpus that the library renders and speaks itself, with the truth known."""
