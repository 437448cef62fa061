"""The data card: what a data set contains, and whether its metadata alone predict the class."""
