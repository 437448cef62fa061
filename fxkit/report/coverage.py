"""How many test films of each class a marker ablation cleaned: it tests only the markers that were erased."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from fxkit.metrics.json_result import JsonResult, Number
from preprocess.words import amount, part_of

ENOUGH = 0.5  # least share of the test films of every class that `no evidence` needs to be cleaned

UNEQUAL = 0.4  # difference between classes; the presence of a marker alone then has an AUROC of 0.7

MAX_LISTED = 4  # classes that are listed one by one


class ClassCoverage(JsonResult):
    """The test films of one class, and how many of them were cleaned.

    Attributes:
        n_films: test films.
        n_erased: test films on which a marker was erased.
        n_left: test films on which the marker network still sees a marker after cleaning.
        cleaned: sum over the films of the share of their files on which markers were erased and none is left.
    """

    n_films: int
    n_erased: int
    n_left: int
    cleaned: Number

    @property
    def share(self) -> float:
        """The share of the films that were cleaned."""
        return self.cleaned / self.n_films if self.n_films else 0.0


@dataclass(frozen=True)
class Coverage:
    """Which of the tested films were cleaned.

    Attributes:
        n_erased, n_files: files on which markers were erased, and all files.
        by_class: class -> films; empty in ablations of version 0.1.0, which recorded the files only.
        kept: the settings of clean-labels that leave some markers, such as "--keep 'R'".
    """

    n_erased: int
    n_files: int
    by_class: Mapping[str, ClassCoverage] = field(default_factory=dict)
    kept: tuple[str, ...] = ()

    @property
    def lowest_share(self) -> float:
        """The share of cleaned films in the class where it is lowest; of all files if the classes are unknown."""
        if not self.by_class:
            return self.n_erased / self.n_files if self.n_files else 0.0
        return min(part.share for part in self.by_class.values())

    @property
    def text(self) -> str:
        """The cleaned films of all films and of each class, such as "6 of 240 test films (6 of 120 a, 0 of 120 b)"."""
        if not self.by_class:
            return part_of(self.n_erased, self.n_files, "test file")
        total = sum(part.n_films for part in self.by_class.values())
        cleaned = sum(part.cleaned for part in self.by_class.values())
        ordered = sorted(self.by_class.items(), key=lambda item: item[1].share)
        listed = ", ".join(f"{part.cleaned:.0f} of {part.n_films} {name}" for name, part in ordered[:MAX_LISTED])
        more = f" and {len(ordered) - MAX_LISTED} more classes" if len(ordered) > MAX_LISTED else ""
        return f"{cleaned:.0f} of {amount(total, 'test film')} ({listed}{more})"


def find_gaps(coverage: Coverage) -> list[str]:
    """Return why the cleaned films do not suffice for the verdict `no evidence`; empty if they do."""
    gaps = []
    if coverage.kept:
        gaps.append(f"clean-labels ran with {' and '.join(coverage.kept)}, which leaves markers on the films")
    if coverage.lowest_share < ENOUGH:
        gaps.append(
            f"only {coverage.text} were cleaned, and to exclude a loss takes {ENOUGH:.0%} of the films of every class"
        )
    n_left = sum(part.n_left for part in coverage.by_class.values())
    if gaps and n_left:
        gaps.append(
            f"after cleaning, the marker network still sees markers on {amount(n_left, 'test film')}: clean the films "
            "again with the default settings of `fxkit clean-labels`"
        )
    elif gaps and coverage.by_class:
        gaps.append(
            "the marker network sees no other markers: look for missed ones in review.html; if there are some, draw "
            "them and clean the films with `fxkit clean-labels --markers FILE`"
        )
    return gaps


def find_imbalance(coverage: Coverage) -> str:
    """Return the finding that markers were erased on many more films of one class than of another; "" if not."""
    shares = {name: part.n_erased / part.n_films for name, part in coverage.by_class.items() if part.n_films}
    if not shares:
        return ""
    fewest, most = min(shares, key=lambda name: shares[name]), max(shares, key=lambda name: shares[name])
    few, many = coverage.by_class[fewest], coverage.by_class[most]
    if shares[most] - shares[fewest] < UNEQUAL and (few.n_erased or not many.n_erased):
        return ""
    only = "only " if not few.n_erased else ""
    text = (
        f"markers were erased {only}on {part_of(many.n_erased, many.n_films, 'test film')} of class {most}, and on "
        f"{few.n_erased} of {few.n_films} of class {fewest}"
    )
    if few.n_left >= ENOUGH * few.n_films:
        return f"{text}, whose films were not cleaned: markers are still seen on {few.n_left} of them"
    return f"{text}: if the others bear no marker, the presence of a marker alone tells the class"
