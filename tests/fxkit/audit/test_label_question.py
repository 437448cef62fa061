"""The audit asks how clean the labels are; only a person's verdicts make the answer red."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fxkit.audit.rules import Answer
from fxkit.data.manifest import manifest_hash, read_manifest
from fxkit.report.label_check import LabelCheck

Ask = Callable[..., Answer]
Write = Callable[[Path, object], Path]


def check(run: Path, **changes: object) -> dict[str, object]:
    values = {
        "part": "",
        "kind": "predictions of test films",
        "n_films": 200,
        "n_groups": 200,
        "n_left_out": 0,
        "n_suspected": 20,
        "suspected": {},
        "thresholds": {},
        "n_judged": 0,
        "n_accepted": 0,
        "n_rejected": 0,
        "sha256": manifest_hash(read_manifest(run / "manifest.csv")),
    }
    return LabelCheck.model_validate(values | changes).to_dict()


@pytest.mark.parametrize(
    ("changes", "colour", "reason"),
    [
        ({"n_suspected": 6}, "green", "No sign of many wrong labels: 6 of 200 (3.0 %) films were suspected"),
        (
            {},
            "amber",
            "20 of 200 (10.0 %) films are suspected to have a wrong label. A model suspects hard films, too; 20",
        ),
        ({"n_judged": 20, "n_accepted": 4}, "green", "and a person called 4 of them wrong"),
        (
            {"n_judged": 20, "n_accepted": 8},
            "amber",
            "A person called 8 of 200 (4.0 %) labels wrong, and they were not",
        ),
        (
            {"n_judged": 14, "n_accepted": 13},
            "red",
            "A person called 13 of 200 (6.5 %) labels wrong, and they were not",
        ),
        ({"sha256": "other"}, "grey", "The search for label errors was made on another manifest."),
    ],
)
def test_the_colour_follows_the_rule(
    make_run: Callable[..., Path], ask: Ask, write: Write, changes: dict[str, object], colour: str, reason: str
) -> None:
    run = make_run()
    write(run / "labels.json", check(run, **changes))
    answer = ask("labels", run)
    assert answer.colour == colour
    assert reason in answer.reason


def test_without_a_search_it_is_not_tested(make_run: Callable[..., Path], ask: Ask) -> None:
    answer = ask("labels", make_run())
    assert (answer.colour, answer.reason) == ("grey", "No suspected label errors were searched for.")
    assert answer.command.startswith("fxkit label-errors ")
