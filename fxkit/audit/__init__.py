"""Audit of a run: can its score be trusted? Ten questions, answered from the files in the run folder and beside it."""
