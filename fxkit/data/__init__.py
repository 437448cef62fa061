"""The manifest of a data set, its groups and leaks, and the torch data set with its preprocessing."""
