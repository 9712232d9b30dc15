"""Training recipes; they import jpegtrace, never the reverse."""
