"""One self-contained page from whatever lies in a run folder."""

from fxkit.report.build import build_report

__all__ = ["build_report"]
