"""Published formats that `import` knows, in groups."""
