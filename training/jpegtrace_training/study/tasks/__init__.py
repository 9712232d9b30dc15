"""The tasks: labelled pictures made of a folder."""
