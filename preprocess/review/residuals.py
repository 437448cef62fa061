"""Count the films of a cleaned folder on which markers are still found."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from preprocess.ledger import LedgerRow
from preprocess.markers import describe_style


def count_residuals(rows: Iterable[LedgerRow]) -> dict[str, Any]:
    """Return what clean.json says of markers that are still found on cleaned films.

    Returns:
        films: number of cleaned films on which a marker is still found; cleaned: number of cleaned films; share: films
        divided by cleaned, None if no film was cleaned; by_style: films by the style of such a marker.
    """
    cleaned = [row for row in rows if row.status == "cleaned"]
    left = [row for row in cleaned if row.residual]
    styles = Counter(style for row in left for style in {describe_style(marker) for marker in row.residual})
    share = round(len(left) / len(cleaned), 4) if cleaned else None
    return {"films": len(left), "cleaned": len(cleaned), "share": share, "by_style": dict(sorted(styles.items()))}
