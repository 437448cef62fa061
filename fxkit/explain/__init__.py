"""Explain a model: where it looks, and how much of that lies on markers."""
