"""Released weights: the folder, its config, the networks built from it."""
