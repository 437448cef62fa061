"""Curves and diagrams as PNG bytes."""
