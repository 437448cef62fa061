"""The baseline detects metadata that predict the class, and nothing else; copies are no evidence."""

from dataclasses import replace

import numpy as np
import pytest

from fxkit.data.manifest import Record
from fxkit.index.cache import open_store
from fxkit.index.datacard import baseline, metadata
from fxkit.index.datacard.baseline import cross_validate, metadata_baseline
from fxkit.index.datacard.metadata import PLACE, STYLE, Marking, build_table, choose_files
from fxkit.index.datacard.verdicts import ABOVE, ALL, FAR_ABOVE, NONE, UNDECIDED, Baseline, KindScore, verdict_of
from fxkit.index.facts import FileFacts
from fxkit.metrics.intervals import Interval

PLAIN = FileFacts(
    path="", size_bytes=1000, format="JPEG", width=224, height=224, bits=8, channels=1, jpeg_quality=90, mean=0.3,
    median=0.3, p1=0.0, p99=0.8, black=0.1, saturated=0.0, border_black=0.5, border_constant=0.5, corner_black=0.0,
    tagged=False, software="",
)  # fmt: skip


def records(groups: int, classes: str = "ab", copies: int = 1) -> list[Record]:
    rows = []
    for g in range(groups):
        label = classes[g % len(classes)]
        for n in range(copies):
            rows.append(Record(f"{label}/{g}-{n}.jpg", label, f"g{g}", "train", "", 1, 1, "ok", f"{label}/{g}"))
    return rows


def random_facts(rows: list[Record], seed: int = 0, quality: dict[str, int] | None = None) -> dict[str, FileFacts]:
    """Make random facts for each film; `quality` gives a class its own JPEG quality."""
    rng = np.random.default_rng(seed)
    of_film: dict[str, FileFacts] = {}
    for row in rows:
        size, mean, black = int(rng.integers(900, 1100)), *rng.uniform(0.2, 0.4, 2).tolist()
        fact = replace(PLAIN, size_bytes=size, mean=mean, border_black=black)
        of_film.setdefault(row.film, replace(fact, jpeg_quality=(quality or {}).get(row.label, 90)))
    return {row.path: replace(of_film[row.film], path=row.path) for row in rows}


def by_kind(result: Baseline | None) -> dict[str, KindScore]:
    assert result is not None
    return {figure.kind: figure for figure in result.figures}


def test_a_jpeg_quality_that_differs_by_class_predicts_the_class() -> None:
    rows = records(30)
    result = metadata_baseline(rows, random_facts(rows, quality={"a": 90, "b": 91}))
    assert result is not None
    assert (result.verdict, result.n_films, result.n_groups) == (FAR_ABOVE, 30, 30)
    figures = by_kind(result)
    assert next(iter(figures)) == ALL
    assert figures["JPEG quality"].auroc.value == 1.0
    assert figures[ALL].auroc.value > 0.95
    assert figures[ALL].verdict == FAR_ABOVE
    assert all(figures[kind].auroc.low <= 0.5 for kind in ("image size", "file format", "file size"))


def test_without_a_difference_the_interval_includes_chance() -> None:
    rows = records(60)
    result = metadata_baseline(rows, random_facts(rows, seed=2))
    assert result is not None
    assert result.verdict in (NONE, UNDECIDED)
    assert all(figure.auroc.low <= 0.5 <= figure.auroc.high for figure in result.figures)


def test_copies_are_no_evidence() -> None:
    """Twenty copies of each of six films show no more than six films, and memorising them does not help."""
    rows = records(6, copies=20)
    result = metadata_baseline(rows, random_facts(rows))
    assert result is not None
    assert (result.verdict, result.n_films) == (UNDECIDED, 6)


def test_more_than_two_classes_are_scored_by_their_mean() -> None:
    rows = [*records(36, "abc"), Record("d/x.jpg", "d", "x", "train", "", 1, 1, "ok", "d/x")]
    figures = by_kind(metadata_baseline(rows, random_facts(rows, quality={"a": 80, "b": 90, "c": 95, "d": 95})))
    assert figures["JPEG quality"].auroc.value > 0.99
    assert figures["image size"].auroc.low <= 0.5 <= figures["image size"].auroc.high


def test_one_class_or_one_group_per_class_gives_no_result() -> None:
    rows = records(4)
    assert metadata_baseline([row for row in rows if row.label == "a"], random_facts(rows)) is None
    assert metadata_baseline([], {}) is None
    result = metadata_baseline(rows[:2], random_facts(rows[:2]))
    assert result is not None
    assert result.verdict == UNDECIDED
    assert all(np.isnan(f.auroc.value) or f.auroc.low == f.auroc.high for f in result.figures)


def test_marker_style_and_place_are_tested() -> None:
    rows = records(24, copies=2)
    markings = {
        row.path: Marking(row.path, {"lead" if row.label == "a" else "mirrored lead": 1}, 0.2, 0.2, 0.01)
        for row in rows
        if "-0" in row.path
    }
    figures = by_kind(metadata_baseline(rows, random_facts(rows), markings))
    assert figures[STYLE].auroc.value == 1.0
    assert (figures[STYLE].n_films, figures[STYLE].verdict) == (24, FAR_ABOVE)
    assert figures[PLACE].auroc.low <= 0.5 <= figures[PLACE].auroc.high
    assert figures[ALL].auroc.value > 0.95


def test_knowing_the_markers_of_one_class_only_is_no_evidence() -> None:
    rows = records(24)
    markings = {row.path: Marking(row.path, {"lead": 1}, 0.2, 0.2, 0.01) for row in rows if row.label == "a"}
    figures = by_kind(metadata_baseline(rows, random_facts(rows), markings))
    assert (figures[STYLE].n_films, figures[STYLE].verdict) == (12, UNDECIDED)
    assert figures[ALL].verdict != FAR_ABOVE


def test_files_with_unknown_markers_take_those_of_their_film() -> None:
    rows = records(2, copies=3)
    markings = {rows[0].path: Marking(rows[0].path, {"lead": 2}, 0.1, 0.9, 0.02)}
    table = build_table(rows, random_facts(rows), markings)
    assert table.kinds[STYLE][:3].tolist() == [[2, 2]] * 3
    assert table.kinds[PLACE][:3].tolist() == [[0.1, 0.9, 0.02]] * 3
    assert np.isnan(table.kinds[PLACE][3:]).all()


def test_copies_and_films_beyond_the_limits_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "MAX_FILMS", 10)
    rows = records(40, copies=30)
    chosen = [rows[i] for i in choose_files(rows, 0)]
    assert len({row.film for row in chosen}) == 10
    assert len(chosen) == 10 * metadata.MAX_COPIES
    assert chosen == [rows[i] for i in choose_files(rows, 0)]
    result = metadata_baseline(rows, random_facts(rows))
    assert result is not None
    assert (result.n_films, result.n_left_out) == (10, 30)


def test_the_order_of_the_files_does_not_matter() -> None:
    rows = records(12, copies=2)
    assert metadata_baseline(rows, random_facts(rows)) == metadata_baseline(rows[::-1], random_facts(rows))


def test_no_group_is_in_training_and_test() -> None:
    """A column that identifies the group predicts its class only if the group is in training."""
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
def test_the_verdict_follows_from_the_interval(value: float, low: float, high: float, verdict: str) -> None:
    assert verdict_of(Interval(value, low, high, 9)) == verdict


def test_metadata_equal_in_all_files_are_no_evidence() -> None:
    rows = records(6)
    figures = by_kind(metadata_baseline(rows, random_facts(rows)))
    assert figures["file format"].auroc == Interval(0.5, 0.5, 0.5, 6)
    assert figures["file format"].verdict == NONE


def test_figures_of_an_unchanged_table_are_taken_from_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = records(12, copies=2)
    facts = random_facts(rows, quality={"a": 90, "b": 91})
    with open_store(None) as store:
        first = metadata_baseline(rows, facts, store=store)
        assert first == metadata_baseline(rows, facts)
        runs: list[object] = []
        original = baseline.cross_validate
        monkeypatch.setattr(
            baseline, "cross_validate", lambda *table, **seed: runs.append(0) or original(*table, **seed)
        )
        assert metadata_baseline(rows, facts, store=store) == first
        assert not runs
        other = random_facts(rows, seed=1)
        assert metadata_baseline(rows, other, store=store) == metadata_baseline(rows, other) != first
        assert runs
        moved = [replace(row, group="g0") if row.group == "g2" else row for row in rows]
        assert metadata_baseline(moved, other, store=store) == metadata_baseline(moved, other)


def test_figures_belong_to_their_version() -> None:
    """If the figures change on purpose, raise BASELINE_VERSION and change both here: caches keep figures by version."""
    rows = records(24, copies=2)
    scores = by_kind(metadata_baseline(rows, random_facts(rows, seed=3, quality={"a": 90, "b": 91})))
    values = [scores[kind].auroc.value for kind in (ALL, "file size", "brightness", "JPEG quality")]
    assert values == pytest.approx([1.0, 0.36, 0.32, 1.0], abs=0.03)
    assert baseline.BASELINE_VERSION == 2


def test_the_decisive_figure_has_the_verdict() -> None:
    def score(kind: str, low: float, verdict: str) -> KindScore:
        return KindScore(kind=kind, auroc=Interval(0.7, low, 0.9, 9), n_films=9, verdict=verdict)

    scores = (score(ALL, 0.45, UNDECIDED), score("border", 0.52, ABOVE), score("brightness", 0.55, ABOVE))
    above = Baseline(figures=scores, verdict=ABOVE, n_films=9, n_groups=9, n_left_out=0)
    assert above.decisive.kind == "brightness"
    undecided = Baseline(figures=scores[:1], verdict=UNDECIDED, n_films=9, n_groups=9, n_left_out=0)
    assert undecided.decisive.kind == ALL
