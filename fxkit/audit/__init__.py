"""Audit of a run: can its score be trusted? Eleven questions, answered from the files in and beside the run folder."""
