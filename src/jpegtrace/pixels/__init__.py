"""The pixel engine."""
