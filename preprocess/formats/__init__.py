"""Prove that image files are whole, format by format. Decoders hide much of the damage that they meet."""
