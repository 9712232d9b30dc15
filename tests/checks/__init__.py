"""Checks that several tests share: each raises AssertionError, and each is itself tested against a planted fault."""
