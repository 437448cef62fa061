"""Fill masked pixels so that the film looks untouched."""
