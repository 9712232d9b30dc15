"""Trained weights: one card per file, and sessions that refuse a file whose hash is not on its card."""

from jpegtrace.networks._cards import Card, card, cards
from jpegtrace.networks._session import run, session, verified_bytes

__all__ = ["Card", "card", "cards", "run", "session", "verified_bytes"]
