"""Trained weights: one card per file, and sessions that refuse a file whose hash is not on its card.

Most files ship with the package. Others are fetched into the user's folder, by the hash on their card.
"""

from jpegtrace.networks._cards import Card, Port, card, card_ids, cards
from jpegtrace.networks._fetch import fetch
from jpegtrace.networks._session import run, session, verified_bytes
from jpegtrace.networks._verify import Check, State, verify
from jpegtrace.networks._weights import weights_folder, weights_path

__all__ = [
    "Card",
    "Check",
    "Port",
    "State",
    "card",
    "card_ids",
    "cards",
    "fetch",
    "run",
    "session",
    "verified_bytes",
    "verify",
    "weights_folder",
    "weights_path",
]
