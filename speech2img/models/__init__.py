"""Networks as plain modules: they know tensors and each other, no file, no setting, no device choice."""
