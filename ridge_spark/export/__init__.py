"""The classifier in formats that other programs run."""
