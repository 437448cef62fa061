"""Figures of merit with intervals over groups, computed from predictions alone."""
