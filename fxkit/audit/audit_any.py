"""Audit from Python: a folder, a result, arrays, a DataFrame or a file of predictions."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from fxkit.audit.page import build_audit
from fxkit.audit.result import Audit
from fxkit.evaluation.external.frames import Frame
from fxkit.evaluation.result import EvaluationResult


def audit(
    subject: "EvaluationResult | Frame | ArrayLike | str | Path",
    y_score: "ArrayLike | None" = None,
    *,
    data_card: "str | Path | None" = None,
    ablation: "str | Path | None" = None,
    **evaluation: Any,
) -> Audit:
    """Judge whether a score can be trusted: a question for each usual reason why not, with its evidence.

    Nothing is trained. A question that was not tested says how to test it. The pages audit.html, audit.md and
    audit.json are written into the audited folder.

    Args:
        subject: a result of `fxkit.evaluate`; a run folder or a folder of its results; or what `fxkit.evaluate` takes
            first: (N,) true classes, a DataFrame, a mapping of columns or the path of a CSV or Parquet file.
        y_score: with true classes, the scores: (N,) or (N, C).
        data_card: data.json that `fxkit index` wrote for the films; default: the one in the folder.
        ablation: folder of an ablation; default: the folder itself.
        evaluation: keyword arguments of `fxkit.evaluate`, such as `trained_on`, if the subject is not evaluated yet.
    Raises:
        KnownError: see `fxkit.evaluate` and `fxkit.build_audit`.
        TypeError: arguments of `fxkit.evaluate` are given for a subject that is evaluated already.
    """
    folder = _find_folder(subject) if y_score is None else None
    temporary = subject.temporary if isinstance(subject, EvaluationResult) else None
    if folder is None:
        from fxkit.evaluation.external.evaluate_any import evaluate  # needs faiss, which an audit of a folder does not

        result = evaluate(subject, y_score, **evaluation)
        folder, temporary = result.folder, result.temporary
    elif evaluation:
        raise TypeError(f"audit() got {min(evaluation)!r}, which is for predictions that are not evaluated yet")
    return replace(build_audit(folder, data_card=data_card, ablation=ablation), temporary=temporary)


def _find_folder(subject: Any) -> Path | None:
    """Return the folder of what is evaluated already; a path without suffix is one, even if it does not exist."""
    if isinstance(subject, EvaluationResult):
        return subject.folder
    if not isinstance(subject, (str, os.PathLike)):
        return None
    path = Path(subject)
    return path if path.is_dir() or not (path.exists() or path.suffix) else None
