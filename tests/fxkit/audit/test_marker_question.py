"""The question about markers: which ablation counts for a run, and which colour it gives."""

from dataclasses import replace

import pytest

from fxkit.data.manifest import Record, films_hash, read_manifest
from fxkit.errors import RunError

PROBE = ("optim.epochs=[2,0]", "optim.head=probe")


@pytest.mark.parametrize(("verdict", "colour"), [("reliance", "red"), ("undecided", "amber"), ("no evidence", "green")])
def test_the_ablation_verdict_gives_the_colour(make_run, ask, write, ablation, verdict, colour):
    run = make_run()
    write(run / "ablation.json", ablation(run, verdict))
    answer = ask("markers", run)
    assert (answer.colour, answer.reason) == (colour, "The ablation gave this result.")
    assert answer.files == (run / "ablation.json",)


@pytest.mark.parametrize("verdict", ["reliance", "no evidence"])
@pytest.mark.parametrize(
    ("changes", "options", "doubt"),
    [
        ({"mode": "quick"}, {}, "linear heads on frozen features"),
        ({}, {"cleaning": {"detector": "rapidocr"}}, "this model on cleaned films"),
        ({"manifest": "of other films"}, {}, "used another manifest, so its films or its split differ"),
        ({"manifest": ""}, {}, "used a manifest that it does not name"),
        ({"backbone": "resnet50"}, {}, "tested the backbone resnet50"),
        ({"backbone": ""}, {}, "tested a backbone that it does not name"),
        ({}, {"settings": PROBE}, "tested models trained in full, and this model is a linear probe"),
        ({"stamp": "leaking split: x"}, {}, "the ablation's split leaks (leaking split: x)"),
        ({"margin": 0.5}, {}, "the ablation allows a loss of 0.50, where at most 0.05 is expected"),
        ({"made_with": {}}, {}, "does not record its image size, weights and settings, as in version 0.1.0"),
        (
            {"made_with": {"preprocessing.image_size": 64, "optim.epochs": [1, 0]}},
            {"finished": True},
            "made with another image_size (64, and 96 in this run) and optim.epochs ([1, 0], and [1, 1] in this run)",
        ),
        (
            {"made_with": {"preprocessing.mean": [0.4, 0.4, 0.4]}},
            {"finished": True},
            "another mean ([0.4, 0.4, 0.4], and [0.5, 0.5",
        ),
        ({"made_with": {"model.weights": "w.pt"}}, {}, "another model.weights (w.pt, and None in this run)"),
    ],
)
def test_an_ablation_of_another_model_or_manifest_is_a_caution(
    make_run, ask, write, ablation, changes, options, doubt, verdict
):
    run = make_run(**options)
    write(run / "ablation.json", ablation(run, verdict, **changes))
    answer = ask("markers", run)
    assert answer.colour == "amber"
    assert "This does not count for this run: the ablation" in answer.reason
    assert doubt in answer.reason


def test_an_ablation_of_linear_heads_applies_to_a_probe(make_run, ask, write, ablation):
    run = make_run(settings=PROBE)
    write(run / "ablation.json", ablation(run, "no evidence", mode="quick"))
    answer = ask("markers", run)
    assert (answer.colour, answer.command) == ("green", "")
    write(run / "ablation.json", ablation(run, "undecided", mode="quick", manifest="of other films"))
    answer = ask("markers", run)
    assert "its films or its split differ" in answer.reason
    assert answer.command.endswith(f"--config {run}/config.yaml --out {run}")
    assert ask("markers", make_run()).command.endswith(f"--config {run}/config.yaml --full --folds 0 --out {run}")


def test_an_ablation_with_its_own_folds_applies_to_a_run_with_another_split(make_run, ask, write, ablation):
    run = make_run()
    rows = [replace(r, fold="1", split="val") for r in read_manifest(run / "manifest.csv")]
    write(run / "ablation.json", ablation(run, "no evidence", folds=5, manifest=films_hash(rows, split=False)))
    assert ask("markers", run).colour == "green"
    write(run / "ablation.json", ablation(run, "no evidence", folds=0, manifest=films_hash(rows, split=True)))
    assert "another manifest" in ask("markers", run).reason
    others = [replace(r, group="one") for r in rows]
    write(run / "ablation.json", ablation(run, "no evidence", folds=5, manifest=films_hash(others, split=False)))
    assert "another manifest" in ask("markers", run).reason


def test_an_undecided_ablation_of_this_run_asks_for_no_repetition(make_run, ask, write, ablation):
    run = make_run()
    write(run / "ablation.json", ablation(run, "undecided"))
    assert ask("markers", run).command == ""


def test_an_ablation_that_erased_no_marker_tests_nothing(make_run, ask, write, ablation):
    run = make_run()
    write(run / "ablation.json", ablation(run, "undecided", n_erased=0))
    assert ask("markers", run).colour == "grey"


def test_an_ablation_of_something_else_is_ignored_or_refused(make_run, ask, write, ablation, tmp_path):
    run = make_run()
    write(run / "ablation.json", ablation(run, "", name="backbones"))
    assert ask("markers", run).colour == "grey"
    with pytest.raises(
        RunError, match=r"holds the ablation 'backbones'; expected 'masked-vs-raw'; give the folder of that"
    ):
        ask("markers", run, ablation=run)
    with pytest.raises(RunError, match=r"no such file; expected ablation.json as `fxkit ablate masked-vs-raw` writes"):
        ask("markers", run, ablation=tmp_path)
    write(tmp_path / "elsewhere" / "ablation.json", ablation(run, "no evidence"))
    assert ask("markers", run, ablation=tmp_path / "elsewhere").colour == "green"


def test_an_ablation_of_few_films_is_a_caution_whatever_it_says(make_run, ask, write, ablation):
    run = make_run()
    part = {"n_films": 100, "n_left": 90}
    classes = {"intact": part | {"n_erased": 6, "cleaned": 6}, "fractured": part | {"n_erased": 0, "cleaned": 0}}
    write(run / "ablation.json", ablation(run, "no evidence", n_erased=6, coverage=classes))
    answer = ask("markers", run)
    assert answer.colour == "amber"
    assert "Only 6 of 200 test films (0 of 100 fractured, 6 of 100 intact) were cleaned" in answer.reason
    assert ("cleaned", "6 of 200 test films (0 of 100 fractured, 6 of 100 intact)") in answer.facts
    write(run / "ablation.json", ablation(run, "no evidence", n_erased=6))  # as version 0.1.0 wrote it
    assert ask("markers", run).colour == "amber"


def test_markers_on_one_class_are_a_caution(make_run, ask, write, ablation):
    run = make_run()
    finding = "the presence of a marker alone tells the class"
    write(run / "ablation.json", ablation(run, "no evidence", findings=[finding]))
    answer = ask("markers", run)
    assert (answer.colour, answer.reason) == ("amber", f"The ablation gave this result. Besides, {finding}.")
    write(run / "ablation.json", ablation(run, "reliance", findings=[finding]))
    assert ask("markers", run).colour == "red"


def test_films_without_hashes_may_be_others(make_run, ask, write, ablation):
    run = make_run(extra=(Record("x.png", "intact", "x", "test", "", 9, 9, "ok", "x", "x"),))
    write(run / "ablation.json", ablation(run, "no evidence"))
    answer = ask("markers", run)
    assert answer.colour == "amber"
    assert "the manifest has no hash of 1 file, so the ablation may have used other films" in answer.reason


def test_an_ablation_with_the_settings_of_a_finished_run_counts(make_run, ask, write, ablation):
    run = make_run(finished=True)
    write(run / "ablation.json", ablation(run, "no evidence"))
    assert ask("markers", run).colour == "green"


def test_an_older_run_that_records_less_is_compared_as_far_as_it_goes(make_run, ask, write, ablation):
    run = make_run()
    content = ablation(run, "no evidence", made_with={"weights_sha256": "1", "pretrained_tag": "a1_in1k"})
    write(run / "ablation.json", content)
    write(run / "environment.json", {"commit": None})
    assert ask("markers", run).colour == "green"
