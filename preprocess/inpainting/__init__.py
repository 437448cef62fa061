"""Fill masked pixels: inpaint them without visible traces, or fill them flat, with noise or with black."""
