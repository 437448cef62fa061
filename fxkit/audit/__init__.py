"""The audit: whether a run's score may be believed, question by question, from what lies in and beside its folder."""
