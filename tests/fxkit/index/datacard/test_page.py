"""The data card counts correctly, gives the verdict on metadata first, and no name can break the page."""

import json
import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fxkit.index.build import Index, IndexOptions, index_data
from fxkit.index.datacard.card import DataCard
from fxkit.index.datacard.page import headline, summary_lines, write_data_card
from fxkit.index.datacard.verdicts import ABOVE, NONE, UNDECIDED, Baseline, KindScore
from fxkit.metrics.intervals import Interval
from fxkit.synth.dataset import Synthetic
from preprocess.known_markers import read_known_markers


def films(root: Path, quality: dict[str, int], count: int = 24) -> Index:
    """Write grey noise as JPEG with a quality for each class, and index it."""
    rng = np.random.default_rng(0)
    for label, number in quality.items():
        for n in range(count // len(quality)):
            path = root / label / f"{n}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 255, (24, 24), np.uint8)).save(path, quality=number)
    return index_data(root)


def read(folder: Path) -> str:
    return (folder / "data.html").read_text(encoding="utf-8")


def test_metadata_far_above_chance_are_the_first_warning(tmp_path: Path) -> None:
    card = write_data_card(tmp_path, films(tmp_path / "films", {"a": 70, "b": 90}))
    (line,) = summary_lines(card)
    assert line.startswith("WARNING: Metadata alone predict the class far above chance (AUROC, 0.5 is chance): ")
    assert "all metadata 1.00 (0." in line
    assert card.baseline is not None
    assert {f.kind: f.auroc.value for f in card.baseline.figures}["JPEG quality"] == 1.0
    body = read(tmp_path).partition("<body>")[2]
    assert body.split("</p>")[0].strip().startswith('<p class="warning"><strong>Warning.</strong> Metadata alone')


def test_films_without_a_difference_give_no_warning(tmp_path: Path) -> None:
    card = write_data_card(tmp_path, films(tmp_path / "films", {"a": 80, "b": 80}))
    assert card.baseline is not None
    quality = next(figure for figure in card.baseline.figures if figure.kind == "JPEG quality")
    assert quality.auroc.low <= 0.5 <= quality.auroc.high
    assert not summary_lines(card)[0].startswith("WARNING")
    assert 'class="warning"' not in read(tmp_path)


@pytest.mark.slow
def test_synthetic_films_are_counted_correctly(made: Synthetic, tmp_path: Path) -> None:
    index = index_data(made.root / "truth.csv")
    index = replace(index, notes=("told <before>",))
    card = write_data_card(tmp_path, index, read_known_markers(made.root / "markers.json"))
    assert (card.total.files, card.total.films) == (made.files, 24)
    assert card.counts["all"].keys() == {"fractured", "not_fractured"}
    assert sum(count.films for count in card.counts["all"].values()) == 24
    assert sum(card.copies[3].values()) == 24
    assert [tally.name for tally in card.tallies][-1] == "marker style"
    assert len(card.markings) > 0
    values = json.loads((tmp_path / "data.json").read_text())
    assert [file["path"] for file in values["files"]] == sorted(record.path for record in index.records)
    assert {figure["kind"] for figure in values["baseline"]["figures"]} >= {"marker style", "brightness"}
    assert values["notes"] == ["told <before>"]
    assert "told &lt;before&gt;" in read(tmp_path)


@pytest.mark.slow
def test_the_same_films_give_the_same_bytes(tmp_path: Path) -> None:
    films(tmp_path / "films", {"a": 80, "b": 80}, 8)
    for folder, jobs in (("one", 1), ("two", 2)):
        write_data_card(tmp_path / folder, index_data(tmp_path / "films", IndexOptions(jobs=jobs)))
    for name in ("data.html", "data.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_distribution_does_not_reveal_the_number_of_copies(tmp_path: Path) -> None:
    """Originals differ from copies equally in both classes, but one class has more copies."""
    for label, copies in (("a", 2), ("b", 6)):
        for n in range(4):
            for copy in range(copies):
                path = tmp_path / "films" / label / (f"{n}-rotated{copy}.jpg" if copy else f"{n}.jpg")
                path.parent.mkdir(parents=True, exist_ok=True)
                pixels = np.full((24, 24), 9 * n + copy + 50 * (label == "a"), np.uint8)
                Image.fromarray(pixels).save(path, quality=80 if copy else 95)
    card = write_data_card(tmp_path, index_data(tmp_path / "films", IndexOptions(split="none")))
    quality = next(spread for spread in card.spreads if spread.name == "JPEG quality")
    assert quality.quantiles == {"a": (80, 80, 80, 95, 95), "b": (80, 80, 80, 80, 95)}
    assert 0.5 < quality.auroc < 0.7
    assert card.copies == {2: {"a": 4, "b": 0}, 6: {"a": 0, "b": 4}}


class Tags(HTMLParser):
    """Collects the tags of a page that are still open, and end tags that do not match."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.captions = self.tables = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.captions += tag == "caption"
        self.tables += tag == "table"
        if tag not in ("meta", "link", "br", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if self.open.pop() != tag:
            self.wrong.append(tag)


def test_html_in_names_is_escaped(tmp_path: Path) -> None:
    root = tmp_path / "films"
    before = films(root, {"<b>a&b</b>".replace("/", "-"): 80, "b": 80}, 12)
    odd = "b/<script>alert(1)<\u2044script> " + os.fsdecode(b"\xff") + ".jpg"
    (root / odd).write_text("no image")
    (root / "b" / "copy.jpg").write_bytes((root / "b" / "0.jpg").read_bytes())
    card = write_data_card(tmp_path, replace(index_data(root), notes=("<i>note</i>",)))
    assert len(before.records) + 2 == len(card.files) + len(card.unreadable)
    page = read(tmp_path)
    assert "<script" not in page
    assert "<i>note" not in page
    assert "<b>a&b" not in page
    assert r"&lt;script&gt;alert(1)&lt;⁄script&gt; \udcff.jpg: not an image; expected" in page
    assert "b/0.jpg = b/copy.jpg" in page
    tags = Tags()
    tags.feed(page)
    assert (tags.open, tags.wrong) == ([], [])
    assert tags.captions == tags.tables > 8
    assert not re.search(r"(src|href)=\"(?!#|data:)", page)
    values = json.loads((tmp_path / "data.json").read_text())
    assert values["unreadable"][0]["path"] == odd
    assert DataCard.model_validate(values).to_dict() == card.to_dict()


def test_identical_files_of_two_classes_give_a_warning(tmp_path: Path) -> None:
    root = tmp_path / "films"
    films(root, {"a": 80, "b": 80}, 12)
    (root / "b" / "again.jpg").write_bytes((root / "a" / "0.jpg").read_bytes())
    card = write_data_card(tmp_path, index_data(root))
    assert card.conflicting == card.identical == (("a/0.jpg", "b/again.jpg"),)
    assert "Identical files in several classes" in read(tmp_path)


def test_one_class_or_none_gives_a_card_too(tmp_path: Path) -> None:
    index = films(tmp_path / "films", {"a": 80, "b": 80}, 8)
    one = write_data_card(tmp_path, replace(index, records=tuple(r for r in index.records if r.label == "a")))
    assert summary_lines(one) == ["Whether metadata alone predict the class was not tested: there is only one class."]
    gone = tuple(replace(r, status="gone", split="") for r in index.records)
    none = write_data_card(tmp_path, replace(index, records=gone, facts=()))
    assert (none.total.files, len(none.unreadable)) == (0, 8)


def test_films_are_counted_by_site(tmp_path: Path) -> None:
    index = films(tmp_path / "films", {"a": 80, "b": 80}, 8)
    sited = tuple(replace(r, site="x" if r.label == "a" else "") for r in index.records)
    card = write_data_card(tmp_path, replace(index, records=sited))
    (sites,) = (tally for tally in card.tallies if tally.name == "site")
    assert {site: {label: n.files for label, n in counts.items()} for site, counts in sites.values.items()} == {
        "not told": {"a": 0, "b": 4},
        "x": {"a": 4, "b": 0},
    }


def test_every_verdict_has_its_own_headline(tmp_path: Path) -> None:
    card = write_data_card(tmp_path, films(tmp_path / "films", {"a": 70, "b": 90}, 16))
    assert card.baseline is not None

    def line(verdict: str) -> str:
        assert card.baseline is not None
        figures = tuple(figure.model_copy(update={"verdict": verdict}) for figure in card.baseline.figures)
        baseline = card.baseline.model_copy(update={"verdict": verdict, "figures": figures})
        return summary_lines(card.model_copy(update={"baseline": baseline}))[0]

    assert line(ABOVE).startswith("Metadata alone predict the class somewhat better than chance (AUROC")
    assert line(ABOVE).endswith(" and 5 more.")
    assert line(NONE).startswith(
        "No evidence that metadata alone predict the class (AUROC, 0.5 is chance): all metadata 1.00"
    )
    assert "With 16 groups, neither chance nor an AUROC of 0.7 can be excluded." in line(UNDECIDED)


def test_a_single_figure_above_chance_may_be_coincidence() -> None:
    figures = tuple(
        KindScore(kind=kind, auroc=Interval(0.6, 0.55, 0.65, 90), n_films=90, verdict=verdict)
        for kind, verdict in (("all metadata", NONE), ("border", ABOVE))
    )
    assert headline(Baseline(figures=figures, verdict=ABOVE, n_films=90, n_groups=90, n_left_out=0)) == (
        "Metadata alone predict the class somewhat better than chance (AUROC, 0.5 is chance): border 0.60 (0.55 to "
        "0.65). Of 2 figures, one can be above chance by coincidence."
    )
