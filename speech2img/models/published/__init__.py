"""Published checkpoints as weights of this package's networks."""
