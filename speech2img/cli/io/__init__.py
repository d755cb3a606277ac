"""What the verbs are given and what they write: recordings, images, stored speech."""
