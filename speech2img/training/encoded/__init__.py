"""What trainings of generators in a codec's latents or tokens have in common."""
