"""Onward: lawful, voluntary outcomes before a protection ends."""

__version__ = "0.1.0"
