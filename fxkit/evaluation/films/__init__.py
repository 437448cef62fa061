"""Pages that show tested films one by one: suspected label errors, and the errors of a model. They need no torch."""
