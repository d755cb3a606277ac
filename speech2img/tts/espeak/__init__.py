"""Speech by espeak-ng, offline."""
