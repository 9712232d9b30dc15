"""Weight files and their cards."""
