"""Which films there are, which belong together, and how they are split."""
