"""Structure of sound files: what a decoder would pass over is found here."""
