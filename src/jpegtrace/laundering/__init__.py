"""Whether a JPEG history was hidden on purpose: statistics of a piece, and what is made of them."""
