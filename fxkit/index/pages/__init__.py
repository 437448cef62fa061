"""HTML pages that `fxkit index` writes about copies and leaks."""
