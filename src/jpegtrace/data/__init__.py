"""Data files that are installed with the package; read through `importlib.resources`."""
