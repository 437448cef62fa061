import json
import math
from collections import Counter
from pathlib import Path

import pytest

from preprocess.ledger import LedgerRow
from preprocess.markers import Marker, as_quad, box_quad
from preprocess.review.association import associate, build_class_lookup, format_p, write_association

LEAD = Marker(box_quad(0, 0, 20, 10), style="lead")
MIRRORED = Marker(as_quad([(20, 0), (0, 0), (0, 10), (20, 10)]), style="lead")
PLATE = Marker(box_quad(40, 90, 60, 110), style="plate")


def row(path: str, *markers: Marker) -> LedgerRow:
    return LedgerRow(path, path, "cleaned", markers, width=100, height=200)


def films(folder: str, *counts: tuple[int, tuple[Marker, ...]]) -> list[LedgerRow]:
    kinds = [markers for count, markers in counts for _ in range(count)]
    return [row(f"{folder}/{number}.png", *markers) for number, markers in enumerate(kinds)]


def test_files_are_counted_by_folder_and_tested_with_fishers_exact_test(tmp_path: Path) -> None:
    rows = films("test/fractured", (24, (MIRRORED, MIRRORED)), (97, (PLATE,)))
    rows += films("train/whole", (2, (MIRRORED, LEAD)), (67, ()))
    rows.append(LedgerRow("train/whole/bad.png", "", "failed"))
    association = associate(rows, build_class_lookup(tmp_path))
    assert association is not None
    assert (association.unit, association.classes) == ("files", {"fractured": 121, "whole": 69})
    assert association.test == "Fisher's exact test"
    counts = {feature.name: feature.counts for feature in association.features}
    assert counts == {
        "any marker": {"fractured": 24, "whole": 2},
        "mirrored lead": {"fractured": 24, "whole": 2},
        "top left": {"fractured": 24, "whole": 2},
        "lead": {"fractured": 0, "whole": 2},
    }
    first, last = association.features[0], association.features[-1]
    weights = [math.comb(121, k) * math.comb(69, 26 - k) for k in range(27)]
    assert first.p == pytest.approx(sum(weight for weight in weights if weight <= weights[24]) / math.comb(190, 26))
    assert first.p_holm == pytest.approx(4 * first.p)
    assert (last.name, last.p) == ("lead", pytest.approx(69 * 68 / (190 * 189)))


def test_a_group_counts_once_in_each_class(tmp_path: Path) -> None:
    file = tmp_path / "films.csv"
    file.write_text("path,label,patient\na/1.png,x,p1\na/2.png,x,p1\na/3.png,y,p1\na/4.png,y,p2\na/5.png,,p3\n")
    association = associate(
        [row(f"a/{number}.png", *[LEAD] * (number == 2)) for number in range(1, 7)], build_class_lookup(file)
    )
    assert association is not None
    assert (association.unit, association.classes) == ("patients", {"x": 1, "y": 2})
    assert association.features[0].counts == {"x": 1, "y": 0}


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("path\na/1.png\n", {"a/1.png": ("a", "a/1.png"), "b/2.png": ("b", "b/2.png")}),
        ("path,label\n./a/1.png,x\n", {"a/1.png": ("x", "a/1.png"), "b/2.png": None}),
        ("path,group\na/1.png,g\n2.png\n", {"a/1.png": ("a", "g"), "2.png": None}),
    ],
)
def test_a_csv_file_gives_class_and_unit(tmp_path: Path, text: str, units: dict[str, tuple[str, str] | None]) -> None:
    (tmp_path / "films.csv").write_text(text)
    classes = build_class_lookup(tmp_path / "films.csv")
    assert {path: classes.find(path) for path in units} == units


def test_more_than_two_classes_are_tested_by_permutation(tmp_path: Path) -> None:
    even = [film for name in "abc" for film in films(name, (5, (LEAD,)), (5, ()))]
    uneven = films("a", (10, (LEAD,))) + films("b", (10, ())) + films("c", (10, ()))
    first, second = associate(even, build_class_lookup(tmp_path)), associate(uneven, build_class_lookup(tmp_path))
    assert first is not None
    assert second is not None
    assert {feature.p for feature in first.features} == {1.0}
    assert {feature.p for feature in second.features} == {0.0001}
    assert second.test == "chi-squared test by permutation"


def test_a_marker_on_all_films_has_p_1(tmp_path: Path) -> None:
    association = associate(films("a", (3, (LEAD,))) + films("b", (3, (LEAD,))), build_class_lookup(tmp_path))
    assert association is not None
    assert {feature.p for feature in association.features} == {1.0}


@pytest.mark.parametrize("count", [1, 51])
def test_too_few_or_too_many_classes_give_no_association(tmp_path: Path, count: int) -> None:
    rows = [row(f"{number}/a.png", LEAD) for number in range(count)]
    assert associate(rows, build_class_lookup(tmp_path)) is None
    write_association(tmp_path / "association.json", None)
    assert json.loads((tmp_path / "association.json").read_text()) == {
        "unit": "files",
        "test": "",
        "classes": {},
        "features": [],
    }


@pytest.mark.parametrize(
    ("p", "text"), [(0.0002, "p < 0.001"), (0.0123, "p = 0.012"), (0.0999, "p = 0.10"), (1.0, "p = 1.00")]
)
def test_p_values_are_formatted(p: float, text: str) -> None:
    assert format_p(p) == text


def test_mirrored_lead_letters_of_real_films_are_counted_by_class(shared_data: Path, tmp_path: Path) -> None:
    films = json.loads((shared_data / "forearm" / "markers_originals.json").read_text())
    rows = [
        LedgerRow(
            film["path"],
            film["path"],
            "cleaned",
            tuple(Marker(as_quad(box["quad"]), box["text"], 1.0, box["style"]) for box in film["boxes"]),
            width=film["width"],
            height=film["height"],
        )
        for film in films
    ]
    truth = Counter(f["label"] for f in films if any(b["mirrored"] and b["style"] == "lead" for b in f["boxes"]))
    association = associate(rows, build_class_lookup(tmp_path))
    assert association is not None
    (mirrored,) = (feature for feature in association.features if feature.name == "mirrored lead")
    assert mirrored.counts == truth
    assert association.classes == Counter(film["label"] for film in films)
