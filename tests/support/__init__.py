"""Helpers that make the files the tests read."""
