"""label-errors ranks the films, and its page takes verdicts that index applies."""

import csv
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fxkit.data.label_verdicts import read_label_verdicts
from fxkit.errors import DataError
from fxkit.evaluation.films.label_errors import find_label_errors
from fxkit.metrics.predictions import Predictions
from fxkit.report.label_check import read_label_check

MakeRun = Callable[..., Path]
Cards = Callable[[str], list[dict[str, Any]]]

VERDICTS = "film,path,label,new_label,verdict\n"


def test_wrong_labels_come_first(make_run: MakeRun) -> None:
    result = find_label_errors(make_run())
    rows = list(csv.DictReader(result.table.open()))
    assert len(rows) == 18
    assert {row["path"] for row in rows[:2]} == {"test/00.png", "test/04.png"}
    first = next(row for row in rows if row["path"] == "test/00.png")
    assert (first["label"], first["suggested_label"], first["suspected"]) == ("intact", "fractured", "yes")
    assert float(first["probability"]) == pytest.approx(0.9, abs=0.06)
    assert [row["rank"] for row in rows] == [str(n) for n in range(1, 19)]
    assert result.lines[1] == (
        "2 films are suspected to have a wrong label: 1 fractured that may be intact, 1 intact that may be fractured"
    )


def test_the_summary_is_read_back(make_run: MakeRun) -> None:
    run = make_run()
    check = find_label_errors(run).check
    assert read_label_check(run) == check
    assert check.suspected == {"intact": {"fractured": 1}, "fractured": {"intact": 1}}
    assert (check.n_films, check.n_groups, check.n_suspected, check.n_judged) == (18, 6, 2, 0)


def test_verdicts_are_counted_and_shown(make_run: MakeRun, films_on_page: Cards) -> None:
    run = make_run()
    file = run / "verdicts.csv"
    file.write_text(
        VERDICTS + "x,test/00.png,intact,fractured,accept\nx,test/01.png,intact,intact,reject\n"
        "x,test/02.png,fractured,intact,accept\n"  # its label was replaced since
    )
    result = find_label_errors(run, verdicts=file)
    assert (result.check.n_judged, result.check.n_accepted, result.check.n_rejected) == (1, 1, 1)
    assert result.lines[2] == "verdicts: 1 accepted, 1 rejected; 1 suspected film has none"
    cards = {card["path"]: card for card in films_on_page(result.page.read_text())}
    assert (cards["test/00.png"]["verdict"], cards["test/00.png"]["new"]) == ("accept", "fractured")
    assert "verdict" not in cards["test/02.png"]
    rows = {row["path"]: row for row in csv.DictReader(result.table.open())}
    assert [rows[f"test/0{n}.png"]["verdict"] for n in (0, 1, 2)] == ["accept", "reject", ""]


def test_verdicts_on_other_films_are_refused(make_run: MakeRun, tmp_path: Path) -> None:
    (tmp_path / "verdicts.csv").write_text(VERDICTS + "x,nowhere.png,intact,fractured,accept\n")
    with pytest.raises(DataError, match=r"row 2: 'nowhere.png' has no prediction in this run; expected verdicts that"):
        find_label_errors(make_run(), verdicts=tmp_path / "verdicts.csv")


def test_films_with_one_label_are_refused(make_run: MakeRun) -> None:
    run = make_run()
    predictions = Predictions.read_csv(run / "predictions.csv")
    replace(predictions, labels=np.zeros(18, np.int64)).write_csv(run / "predictions.csv")
    with pytest.raises(DataError, match="all 18 films have the same label; expected films of two or more classes"):
        find_label_errors(run)


SAVE = """
document.querySelector("article input[value=accept]").click();
document.querySelectorAll("article")[1].querySelector("input[value=reject]").click();
const judged = document.getElementById("judged").textContent, first = verdictsText();
document.querySelector("article button").click();
document.body.textContent = `states: ${JSON.stringify([judged, first, verdictsText()])} end`;
"""


def test_verdicts_are_saved_by_a_browser_and_read_back(
    make_run: MakeRun, browse: Callable[..., str], tmp_path: Path
) -> None:
    page = find_label_errors(make_run()).page
    (states,) = re.findall(r"states: (.*) end", browse(page, SAVE), re.DOTALL)
    judged, both, one = json.loads(states)
    assert judged == "1 accepted, 1 rejected"
    assert len(one.splitlines()) == 2
    (tmp_path / "verdicts.csv").write_text(both)
    accepted, rejected = read_label_verdicts(tmp_path / "verdicts.csv")
    assert {accepted.path, rejected.path} == {"test/00.png", "test/04.png"}
    assert accepted.verdict == "accept"
    assert accepted.new_label != accepted.label
    assert rejected.new_label == rejected.label


@pytest.mark.parametrize(
    ("choice", "n"),
    [
        ("", 18),
        ("list=suspected", 2),
        ("label=intact&list=suspected", 1),
        ("site=west", 9),
        ("text=04.png", 1),
        ("min=0.5", 2),
    ],
)
def test_filters_work_in_a_browser(make_run: MakeRun, browse: Callable[..., str], choice: str, n: int) -> None:
    text = browse(find_label_errors(make_run()).page, choice=choice)
    assert f"{n} of 18 films, page 1 of 1" in text
    assert text.count("<article") == n
