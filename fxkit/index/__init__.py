"""`fxkit index`: scan films, find copies, group, split, and describe the data."""
