"""What a corpus holds: items with their captions, the manifest, the splits."""
