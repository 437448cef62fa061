"""The data card: what a data set holds, and whether its metadata alone tell the classes."""
