"""``python -m jpegtrace``."""

from jpegtrace.cli import main

main()
