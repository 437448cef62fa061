"""Classify bone fractures on X-rays, and find out whether the score is honest."""

__version__ = "0.1.0"
