"""Metadata that tell the class are found out, others are not, and copies are no evidence."""

from dataclasses import replace

import numpy as np
import pytest

from fxkit.data.manifest import Record
from fxkit.index.cache import open_store
from fxkit.index.datacard import baseline, metadata
from fxkit.index.datacard.baseline import Baseline, cross_validate, metadata_baseline, verdict_of
from fxkit.index.datacard.metadata import PLACE, STYLE, Marking, build_table, choose
from fxkit.index.datacard.verdicts import ABOVE, ALL, FAR_ABOVE, NONE, UNDECIDED
from fxkit.index.facts import FileFacts
from fxkit.metrics.intervals import Interval

PLAIN = FileFacts(
    path="", size_bytes=1000, format="JPEG", width=224, height=224, bits=8, channels=1, jpeg_quality=90, mean=0.3,
    median=0.3, p1=0.0, p99=0.8, black=0.1, saturated=0.0, border_black=0.5, border_constant=0.5, corner_black=0.0,
    tagged=False, software="",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baseline, "TREES", 20)
    monkeypatch.setattr(baseline, "REPEATS", 1)


def records(groups: int, classes: str = "ab", copies: int = 1) -> list[Record]:
    rows = []
    for g in range(groups):
        label = classes[g % len(classes)]
        for n in range(copies):
            rows.append(Record(f"{label}/{g}-{n}.jpg", label, f"g{g}", "train", "", 1, 1, "ok", f"{label}/{g}"))
    return rows


def drawn(rows: list[Record], seed: int = 0, quality: dict[str, int] | None = None) -> dict[str, FileFacts]:
    """Facts that differ from film to film by chance; the class has a quality of its own where it is given."""
    rng = np.random.default_rng(seed)
    of_film: dict[str, FileFacts] = {}
    for row in rows:
        size, mean, black = int(rng.integers(900, 1100)), *rng.uniform(0.2, 0.4, 2).tolist()
        fact = replace(PLAIN, size_bytes=size, mean=mean, border_black=black)
        of_film.setdefault(row.film, replace(fact, jpeg_quality=(quality or {}).get(row.label, 90)))
    return {row.path: replace(of_film[row.film], path=row.path) for row in rows}


def by_kind(found: Baseline | None) -> dict[str, baseline.Alone]:
    assert found is not None
    return {figure.kind: figure for figure in found.figures}


def test_a_quality_of_its_own_tells_the_class() -> None:
    rows = records(30)
    found = metadata_baseline(rows, drawn(rows, quality={"a": 90, "b": 91}))
    assert found is not None
    assert (found.verdict, found.n_films, found.n_groups) == (FAR_ABOVE, 30, 30)
    figures = by_kind(found)
    assert next(iter(figures)) == ALL
    assert figures["JPEG quality"].found.value == 1.0
    assert figures[ALL].found.value > 0.95
    assert figures[ALL].verdict == FAR_ABOVE
    assert all(figures[kind].found.low <= 0.5 for kind in ("image size", "file format", "file size"))


def test_without_a_difference_the_interval_holds_chance() -> None:
    rows = records(60)
    found = metadata_baseline(rows, drawn(rows, seed=2))
    assert found is not None
    assert found.verdict in (NONE, UNDECIDED)
    assert all(figure.found.low <= 0.5 <= figure.found.high for figure in found.figures)


def test_copies_are_no_evidence() -> None:
    """Twenty copies of six films each tell no more than the films, and cannot be learned by heart."""
    rows = records(6, copies=20)
    found = metadata_baseline(rows, drawn(rows))
    assert found is not None
    assert (found.verdict, found.n_films) == (UNDECIDED, 6)


def test_more_than_two_classes() -> None:
    rows = [*records(36, "abc"), Record("d/x.jpg", "d", "x", "train", "", 1, 1, "ok", "d/x")]
    figures = by_kind(metadata_baseline(rows, drawn(rows, quality={"a": 80, "b": 90, "c": 95, "d": 95})))
    assert figures["JPEG quality"].found.value > 0.99
    assert figures["image size"].found.low <= 0.5 <= figures["image size"].found.high


def test_one_class_or_one_group_a_class_tell_nothing() -> None:
    rows = records(4)
    assert metadata_baseline([row for row in rows if row.label == "a"], drawn(rows)) is None
    assert metadata_baseline([], {}) is None
    found = metadata_baseline(rows[:2], drawn(rows[:2]))
    assert found is not None
    assert found.verdict == UNDECIDED
    assert all(np.isnan(f.found.value) or f.found.low == f.found.high for f in found.figures)


def test_marker_style_and_place() -> None:
    rows = records(24, copies=2)
    markings = {
        row.path: Marking(row.path, {"lead" if row.label == "a" else "mirrored lead": 1}, 0.2, 0.2, 0.01)
        for row in rows
        if "-0" in row.path
    }
    figures = by_kind(metadata_baseline(rows, drawn(rows), markings))
    assert figures[STYLE].found.value == 1.0
    assert (figures[STYLE].n_films, figures[STYLE].verdict) == (24, FAR_ABOVE)
    assert figures[PLACE].found.low <= 0.5 <= figures[PLACE].found.high
    assert figures[ALL].found.value > 0.95


def test_knowing_the_markers_of_one_class_only_is_no_evidence() -> None:
    rows = records(24)
    markings = {row.path: Marking(row.path, {"lead": 1}, 0.2, 0.2, 0.01) for row in rows if row.label == "a"}
    figures = by_kind(metadata_baseline(rows, drawn(rows), markings))
    assert (figures[STYLE].n_films, figures[STYLE].verdict) == (12, UNDECIDED)
    assert figures[ALL].verdict != FAR_ABOVE


def test_files_take_the_markers_of_their_film() -> None:
    rows = records(2, copies=3)
    markings = {rows[0].path: Marking(rows[0].path, {"lead": 2}, 0.1, 0.9, 0.02)}
    table = build_table(rows, drawn(rows), markings)
    assert table.kinds[STYLE][:3].tolist() == [[2, 2]] * 3
    assert table.kinds[PLACE][:3].tolist() == [[0.1, 0.9, 0.02]] * 3
    assert np.isnan(table.kinds[PLACE][3:]).all()


def test_copies_and_films_beyond_the_most_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "FILMS", 10)
    rows = records(40, copies=30)
    chosen = [rows[i] for i in choose(rows, 0)]
    assert len({row.film for row in chosen}) == 10
    assert len(chosen) == 10 * metadata.COPIES
    assert chosen == [rows[i] for i in choose(rows, 0)]
    found = metadata_baseline(rows, drawn(rows))
    assert found is not None
    assert (found.n_films, found.n_left_out) == (10, 30)


def test_the_order_of_the_files_does_not_matter() -> None:
    rows = records(12, copies=2)
    assert metadata_baseline(rows, drawn(rows)) == metadata_baseline(rows[::-1], drawn(rows))


def test_no_group_is_learned_from_and_predicted() -> None:
    """A column that names the group tells its class only to whoever has seen the group."""
    rows = records(20, copies=4)
    values = np.array([[float(row.group[1:])] for row in rows])
    for run in cross_validate(rows, np.random.default_rng(0).permutation(20)[values[:, 0].astype(int)][:, None] * 1.0):
        predicted = run.predicted()
        assert 0.2 < (predicted == run.labels).mean() < 0.8


@pytest.mark.parametrize(
    ("value", "low", "high", "verdict"),
    [
        (0.9, 0.61, 1.0, FAR_ABOVE),
        (0.6, 0.55, 0.65, ABOVE),
        (0.52, 0.45, 0.6, NONE),
        (0.55, 0.4, 0.72, UNDECIDED),
        (np.nan, np.nan, np.nan, UNDECIDED),
    ],
)
def test_verdicts(value: float, low: float, high: float, verdict: str) -> None:
    assert verdict_of(Interval(value, low, high, 9)) == verdict


def test_what_is_the_same_in_all_files_tells_nothing() -> None:
    rows = records(6)
    figures = by_kind(metadata_baseline(rows, drawn(rows)))
    assert figures["file format"].found == Interval(0.5, 0.5, 0.5, 6)
    assert figures["file format"].verdict == NONE


def test_the_figures_of_an_unchanged_table_are_taken_from_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = records(12, copies=2)
    facts = drawn(rows, quality={"a": 90, "b": 91})
    with open_store(None) as store:
        first = metadata_baseline(rows, facts, store=store)
        assert first == metadata_baseline(rows, facts)
        runs: list[object] = []
        fit = baseline.cross_validate
        monkeypatch.setattr(baseline, "cross_validate", lambda *table, **seed: runs.append(0) or fit(*table, **seed))
        assert metadata_baseline(rows, facts, store=store) == first
        assert not runs
        other = drawn(rows, seed=1)
        assert metadata_baseline(rows, other, store=store) == metadata_baseline(rows, other) != first
        assert runs
        moved = [replace(row, group="g0") if row.group == "g2" else row for row in rows]
        assert metadata_baseline(moved, other, store=store) == metadata_baseline(moved, other)
