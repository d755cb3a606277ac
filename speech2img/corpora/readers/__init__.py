"""Readers of published corpora: CUB, Oxford-102, Flickr8k, Places and others."""
