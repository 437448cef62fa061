"""The marker network: its training pictures, its training, and its tuning to a site."""
