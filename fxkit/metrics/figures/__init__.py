"""Curves and diagrams as PNG images."""
