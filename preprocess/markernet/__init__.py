"""The marker network: what it is trained on, how it is trained, and how it is adapted to a site."""
