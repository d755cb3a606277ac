"""``cub100``: real CUB photographs of the project's data folder, with people's captions or with written ones."""
