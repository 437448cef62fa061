"""The report of a run: one self-contained page, built from the files in its folder."""

from fxkit.report.build import build_report

__all__ = ["build_report"]
