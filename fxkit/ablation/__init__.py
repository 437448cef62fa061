"""Ablations: change one thing (the markers, the split or a setting) and measure how the score changes."""
