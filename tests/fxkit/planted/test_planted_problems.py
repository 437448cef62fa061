"""What each command says about problems that were planted in films, labels and results; and about honest ones.

Each row is a problem: what was planted, the words that each command must print, and the colours in audit.json.
"""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from . import plants
from .command import colours, read, reason
from .conftest import Honest
from .plants import Plant

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Problem:
    """A planted problem.

    Attributes:
        says: command -> words that it must print; "refused" is the command without --allow-leaks.
        audit: question -> its colour in audit.json.
        because: question -> words of its reason in audit.json.
    """

    name: str
    plant: Plant
    says: dict[str, str]
    audit: dict[str, str] = field(default_factory=dict)
    because: dict[str, str] = field(default_factory=dict)


LEAK = {
    "index": "Scores on this test split are not honest",
    "refused": "error: the split leaks: of 8 test files, ",
    "train": "leaking split: of 8 test files, ",
    "evaluate": "the split leaks: of 8 test files, ",
    "ablate": "error: the split leaks: of 8 test files, ",
    "audit": "✗ fail        Do training data leak into the test set? Yes: ",
}

PROBLEMS = (
    Problem("films saved again under other names", plants.leak(plants.resave, ""), LEAK, {"leak": "red"}),
    Problem("turned copies of other patients", plants.leak(plants.turn, "Q{}"), LEAK, {"leak": "red"}),
    Problem(
        "patients spelled differently",
        plants.leak(plants.other_view, " p{:02d}"),
        LEAK | {"index": "; 8 of 8 (100.0 %) share their group (patient or film)"},
        {"leak": "red"},
    ),
    Problem(
        "films without patients",
        plants.without_patients,
        {"index": "no patients are known (24 of 24 files have none)", "audit": "not all files have a named patient"},
        {"leak": "amber"},
    ),
    Problem(
        "films of one class only",
        plants.one_class,
        {
            "index": "only one class ('fractured')",
            "train": "only one class ('fractured')",
            "evaluate": "sensitivity",
            "ablate": "only one class ('fractured')",
            "audit": "On one-class,",
        },
        {"external": "amber"},
    ),
    Problem(
        "each class from a site of its own",
        plants.site_by_class,
        {
            "index": "WARNING: the site tells the class",
            "audit": "the site tells the class",
        },
        {"metadata": "red"},
    ),
    Problem(
        "few films cleaned",
        plants.clean_some(lambda film: film.number < 3),
        {"ablate": "only 3 of 24 test films (1 of 12 fractured, 2 of 12 intact) were cleaned", "audit": "Only 3 of 24"},
        {"markers": "amber"},
        {"markers": "after cleaning, the marker network still sees markers on 21 test films"},
    ),
    Problem(
        "films of one class cleaned",
        plants.clean_some(lambda film: film.label == "fractured"),
        {
            "ablate": "finding: markers were erased only on 12 of 12 test films of class fractured, and on 0 of 12 of "
            "class intact, whose films were not cleaned: markers are still seen on 12 of them",
        },
        {"markers": "amber"},
        {"markers": "Besides, markers were erased only on 12 of 12 test films of class fractured"},
    ),
    Problem(
        "a letter that tells the class",
        plants.clean_some(lambda film: True, plants.letter_of_class),
        {"ablate": "verdict: reliance", "audit": "the models use the markers"},
        {"markers": "red"},
    ),
    Problem(
        "an ablation at another image size",
        plants.other_size,
        {"ablate": "verdict: ", "audit": "made with another image_size (32, and 64 in this run)"},
        {"markers": "amber"},
    ),
    Problem(
        "a data card of other films",
        plants.other_card,
        {"audit": "The data card was made when 100 files had other bytes; a card of the same films is needed."},
        {"metadata": "amber"},
    ),
    Problem(
        "labels changed in predictions.csv",
        plants.edit(plants.swap_labels),
        {"audit": "predictions.csv was changed or removed after the evaluation"},
        {"score": "red"},
    ),
    Problem(
        "weights swapped after the evaluation",
        plants.edit(plants.swap_weights),
        {"audit": "model.safetensors was changed or removed after the evaluation"},
        {"score": "red"},
    ),
    Problem(
        "another score in metrics.json",
        plants.edit(plants.raise_score),
        {"audit": "metrics.json gives AUROC 0.620, and predictions.csv gives"},
        {"score": "red"},
    ),
    Problem(
        "training films saved again as other data",
        plants.training_films_again,
        {
            "refused": "by their pixels copies of training or validation films",
            "evaluate": "leaking data: ",
            "audit": "Training has seen films or patients of others",
        },
        {"external": "grey"},
    ),
)


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)
def test_each_command_tells_of_a_planted_problem(problem: Problem, honest: Honest, tmp_path: Path) -> None:
    said, run = problem.plant(honest, tmp_path)
    for command, words in problem.says.items():
        assert words in said[command].text, command
    found = colours(run)
    assert {key: found[key] for key in problem.audit} == problem.audit
    for question, words in problem.because.items():
        assert words in reason(run, question)
    assert read(run / "audit.json")["verdict"]["colour"] != "green"


def test_nothing_is_alarming_about_honest_films(honest: Honest) -> None:
    assert {command: said.code for command, said in honest.said.items()} == dict.fromkeys(honest.said, 0)
    for command, said in honest.said.items():
        assert not [word for word in ("WARNING", "leaking", "finding:") if word in said.text], command
    assert "verdict: no evidence" in honest.said["ablate"].text
    found = colours(honest.run)
    assert "red" not in found.values()
    assert {key: found[key] for key in ("score", "leak", "markers", "metadata")} == dict.fromkeys(
        ("score", "leak", "markers", "metadata"), "green"
    )


def test_the_honest_figures_name_what_they_were_made_from(honest: Honest) -> None:
    made_from = read(honest.run / "metrics.json")["made_from"]
    assert set(made_from) == {"predictions", "weights", "model", "manifest"}
    assert all(len(digest) == 64 for digest in made_from.values())
    coverage = read(honest.run / "ablation.json")["coverage"]
    assert all(part["cleaned"] == part["n_films"] == 50 and not part["n_left"] for part in coverage.values())
    assert len(read(honest.card)["described"]) == 100
