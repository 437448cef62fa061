"""Whether the site of a film tells its class: then a network can learn the site instead of the bone."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from fxkit.data.manifest import Record, usable
from preprocess.words import amount

TELLS = 0.9  # balanced accuracy of the site alone

FEWEST = 10  # groups of each class; with fewer, one site is easily of one class by chance


def find_site_classes(records: Sequence[Record]) -> str:
    """Return a sentence that says how well the site tells the class; "" if it does not, or if sites are unknown.

    Each group is assigned the class that is most frequent among the other groups of its site, in shares of the class.
    """
    groups = sorted({(r.group, r.site, r.label) for r in usable(records) if r.site})
    n_of_class = Counter(label for _, _, label in groups)
    if len(n_of_class) < 2 or min(n_of_class.values()) < FEWEST or len({site for _, site, _ in groups}) < 2:
        return ""
    by_site: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for _, site, label in groups:
        by_site[site][label] += 1
    right = Counter(label for _, site, label in groups if _guess(by_site[site], label, n_of_class) == label)
    if sum(right[label] / n for label, n in n_of_class.items()) / len(n_of_class) < TELLS:
        return ""
    told = f"{sum(right.values())} of {amount(len(groups), 'group')}"
    return (
        f"the site tells the class of {told}, so a network can learn the site instead of the bone; compare the classes "
        "within a site, or add films of all classes from each site"
    )


def _guess(of_site: Counter[str], own: str, n_of_class: Counter[str]) -> str | None:
    """Return the class of a group as the other groups of its site tell it; None if there are none."""
    others = of_site - Counter([own])
    return max(sorted(others), key=lambda label: others[label] / n_of_class[label], default=None)
