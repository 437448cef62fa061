"""Detectors of markers, and readers of their text."""
