"""How published files become releases, where the table of formats would grow too long with it."""
