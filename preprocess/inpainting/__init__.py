"""Fill masked pixels: without visible traces, or plainly."""
