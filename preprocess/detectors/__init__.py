"""Readers of text, one file each."""
