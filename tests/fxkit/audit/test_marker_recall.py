"""A judged sample of the cleaned films in the answer about markers."""

import json
from pathlib import Path

import pytest

from fxkit.errors import RunError
from preprocess.ledger import LedgerRow, ledger_line
from preprocess.review.recall import Recall, SampledFilm, hash_cleaning, write_recall


@pytest.fixture
def cleaned(tmp_path: Path):
    """Write a cleaned folder with a judged sample of 50 films, some of which still bear a marker."""

    def make(n_missed: int, n_judged: int = 50, tested: int = 200) -> Path:
        folder = tmp_path / "clean"
        folder.mkdir(exist_ok=True)
        (folder / "clean.json").write_text(json.dumps({"settings": {"mode": "box"}}))
        rows = [LedgerRow(f"test{n}.png", f"test{n}.png", "cleaned", sha256=f"test{n}") for n in range(tested)]
        (folder / "ledger.jsonl").write_text("".join(map(ledger_line, rows)))
        films = [SampledFilm(path=f"{n}", judged=n < n_judged, found=1, missed=n < n_missed) for n in range(50)]
        how = hash_cleaning(folder)
        recall = Recall(seed=0, population=tested, folder=tested, cleaned_with=how, sample=films)
        write_recall(folder / "recall.json", recall)
        return folder

    return make


def test_few_markers_left_leave_a_pass(make_run, ask, write, ablation, cleaned):
    run = make_run()
    write(run / "ablation.json", ablation(run, "no evidence"))
    answer = ask("markers", run, cleaned=cleaned(0))
    assert answer.colour == "green"
    assert answer.reason == (
        "The ablation gave this result. In the cleaned folder, at most 8 % of films still bear a marker (0 of 50 films "
        "judged at random, 95 % interval 0.0% to 7.1%)."
    )
    assert answer.files[-1].name == "recall.json"


def test_many_markers_left_make_a_pass_a_caution(make_run, ask, write, ablation, cleaned):
    run = make_run()
    write(run / "ablation.json", ablation(run, "no evidence"))
    answer = ask("markers", run, cleaned=cleaned(5))
    assert answer.colour == "amber"
    assert "at most 22 % of films still bear a marker (5 of 50" in answer.reason
    assert answer.reason.endswith("more than 20% are too many: clean again.")
    write(run / "ablation.json", ablation(run, "reliance"))
    assert ask("markers", run, cleaned=cleaned(5)).colour == "red"


@pytest.mark.parametrize(
    ("change", "doubt"),
    [
        ({"n_judged": 20}, "only 20 of its 50 films were judged"),
        ({"tested": 150}, "50 of 200 tested films are not among the films of the cleaned folder"),
    ],
)
def test_a_sample_that_does_not_count_is_named_and_not_used(make_run, ask, write, ablation, cleaned, change, doubt):
    run = make_run()
    write(run / "ablation.json", ablation(run, "no evidence"))
    answer = ask("markers", run, cleaned=cleaned(20, **change))
    assert (answer.colour, answer.reason) == ("green", "The ablation gave this result.")
    assert answer.facts[-1][1].endswith(f"; this does not count, because {doubt}")


def test_a_folder_that_was_cleaned_again_or_grew_needs_a_new_sample(make_run, ask, cleaned):
    run, folder = make_run(), cleaned(0)
    with (folder / "ledger.jsonl").open("a") as ledger:
        ledger.write(ledger_line(LedgerRow("new.png", "new.png", "copied")))
    facts = ask("markers", run, cleaned=folder).facts
    assert "the folder now holds 201 films, and 200 when the sample was drawn" in facts[-1][1]
    (folder / "clean.json").write_text(json.dumps({"settings": {"mode": "fill"}}))
    assert "cleaned again with other settings after" in ask("markers", run, cleaned=folder).facts[-1][1]
    (folder / "recall.json").unlink()
    with pytest.raises(RunError, match=r"recall.json: no such file; judge a sample with `fxkit review .* --sample 50`"):
        ask("markers", run, cleaned=folder)
