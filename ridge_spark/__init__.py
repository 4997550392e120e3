"""Ridge-regression image classification on exact integer statistics."""

__version__ = "1.0.0"
