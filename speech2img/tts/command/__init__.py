"""Speech by any program that a command line names."""
