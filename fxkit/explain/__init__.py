"""Class activation maps, and how much of them lies on markers."""
