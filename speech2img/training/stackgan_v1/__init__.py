"""Training of StackGAN-v1: stage I, then stage II on it."""
