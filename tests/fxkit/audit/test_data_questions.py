from dataclasses import replace

import pytest

from fxkit.audit.data_questions import pretrained_tag
from fxkit.audit.evidence import read_evidence
from fxkit.audit.picture import rows_of
from fxkit.data.manifest import Record
from fxkit.errors import RunError


def row(name, split, group, label="intact", patient="p"):
    return Record(f"{name}.png", label, group, split, name, 9, 9, "ok", name, patient)


def test_no_leak_with_named_patients_holds(make_run, ask):
    answer = ask("leak", make_run())
    assert answer.colour == "green"
    assert answer.reason == "No film and no patient of the 200 tested files is also in training."


def test_without_patients_no_leak_is_told_with_care(make_run, ask):
    answer = ask("leak", make_run(patient=False))
    assert answer.colour == "amber"
    assert "two films of one patient can't be told" in answer.reason
    assert ("files with a named patient", "0 of 212") in answer.facts


def test_patients_must_be_named_in_training_too(make_run, ask):
    answer = ask("leak", make_run(more=(row("x", "train", "g", patient=""),)))
    assert answer.colour == "amber"
    assert ("files with a named patient", "212 of 213") in answer.facts


def fold_run(make_run, write, metrics, stamp=""):
    rows = [
        replace(row(f"f{i}", "train", f"f{i}", ("intact", "fractured")[i % 2], f"f{i}"), fold="0") for i in range(80)
    ]
    run = make_run(0, more=tuple(rows), folds=3)
    interval = {"value": 0.88, "low": 0.84, "high": 0.92}
    folds = {"metric": "auroc", "mean": interval, "spread": 0.02, "each": []}
    write(run / "metrics_out_of_fold.json", metrics(folds=folds) | ({"leaks": {"stamp": stamp}} if stamp else {}))
    return run


def test_a_run_of_folds_is_tested_on_all_its_folds(make_run, ask, write, metrics):
    run = fold_run(make_run, write, metrics)
    assert ask("leak", run).colour == "green"
    assert ask("size", run).reason.startswith("80 files are 80 films of 80 patients, 40 of them")
    assert ask("score", run).reason == "Yes: AUROC by film 0.90 (0.85 to 0.95)."


def test_a_leaking_fold_fails(make_run, ask, write, metrics):
    answer = ask("leak", fold_run(make_run, write, metrics, "leaking folds: fold 0: of 9 test files, 1"))
    assert (answer.colour, answer.reason) == ("red", "Yes: leaking folds: fold 0: of 9 test files, 1.")


def test_the_picture_has_the_mean_of_folds_beside_the_pooled_figure(make_run, write, metrics):
    rows = rows_of(read_evidence(fold_run(make_run, write, metrics)))
    assert [row.name for row in rows] == ["mean of folds", "out of fold, pooled"]
    assert rows[0].found.low == 0.84


def test_folds_in_the_manifest_are_no_test_of_a_run_without_folds(make_run, ask):
    assert ask("size", make_run(0, more=(replace(row("x", "train", "g"), fold="0"),))).colour == "grey"


def test_a_leak_fails(make_run, ask):
    answer = ask("leak", make_run(more=(row("x", "test", "train0"),)))
    assert answer.colour == "red"
    assert answer.reason == "Yes: of 201 test files, 1 (under 1 %) is another film of a training patient."
    assert answer.command


def test_a_leak_into_validation_alone_is_told_with_care(make_run, ask):
    answer = ask("leak", make_run(more=(row("x", "val", "train0"),)))
    assert answer.colour == "amber"
    assert "of 5 val files, 1 (20 %) is another film of a training patient" in answer.reason


@pytest.mark.parametrize("key", ["leak", "size"])
def test_without_a_test_part_nothing_was_tested(make_run, ask, key):
    answer = ask(key, make_run(tested=0))
    assert (answer.colour, answer.look.word) == ("grey", "not tested")
    assert answer.command.startswith("fxkit index")


@pytest.mark.parametrize(("tested", "colour"), [(58, "red"), (60, "amber"), (198, "amber"), (200, "green")])
def test_groups_of_the_rarest_class_count(make_run, ask, tested, colour):
    assert ask("size", make_run(tested)).colour == colour


def test_groups_that_are_no_patients_are_counted_with_care(make_run, ask):
    answer = ask("size", make_run(400, patient=False))
    assert (answer.colour, answer.reason[:42]) == ("amber", "400 files are 400 films of 400 groups, 200")


def test_copies_are_no_more_cases(make_run, ask):
    copies = tuple(replace(row(f"c{i}", "test", "test0"), film="test0") for i in range(300))
    answer = ask("size", make_run(40, more=copies))
    assert answer.colour == "red"
    assert answer.reason == "340 files are 40 films of 40 patients, 20 of them of class fractured."


def card(verdict, files=212):
    figure = {"kind": "all metadata", "verdict": verdict}
    figures = [figure | {"found": {"value": 0.7, "low": 0.65, "high": 0.75}}]
    names = [f"{split}{i}.png" for split, n in (("train", 8), ("val", 4), ("test", 200)) for i in range(n)]
    baseline = {"figures": figures, "verdict": verdict} if verdict else None
    return {"baseline": baseline, "files": [{"path": name} for name in names[:files]]}


@pytest.mark.parametrize(
    ("verdict", "colour"),
    [("far above chance", "red"), ("above chance", "amber"), ("undecided", "amber"), ("no evidence", "green")],
)
def test_the_metadata_verdict_gives_the_colour(make_run, ask, write, tmp_path, verdict, colour):
    answer = ask("metadata", make_run(), data_card=write(tmp_path / "data.json", card(verdict)))
    assert answer.colour == colour
    assert "all metadata 0.70 (0.65 to 0.75)" in answer.reason


def test_a_card_of_other_films_is_no_evidence(make_run, ask, write, tmp_path):
    answer = ask("metadata", make_run(), data_card=write(tmp_path / "data.json", card("no evidence", files=100)))
    assert answer.colour == "amber"
    assert "describes 100 of this run's 212 files" in answer.reason


def test_a_card_in_the_run_folder_is_found(make_run, ask, write):
    run = make_run()
    assert ask("metadata", run).colour == "grey"
    write(run / "data.json", card(""))
    assert ask("metadata", run).reason == "The card has no baseline."


def test_a_card_that_is_not_there_is_said(make_run, ask, tmp_path):
    with pytest.raises(RunError, match=r"none.json: no such file; expected data.json as `fxkit index` writes it"):
        ask("metadata", make_run(), data_card=tmp_path / "none.json")


def test_validation_that_chose_holds_as_far_as_files_tell(make_run, ask):
    answer = ask("selection", make_run())
    assert answer.colour == "green"
    assert "leave no trace" in answer.reason


def test_films_that_chose_the_epoch_are_no_test(make_run, ask):
    both = replace(row("x", "val", "g"), film="test0")
    answer = ask("selection", make_run(more=(both,)))
    assert (answer.colour, answer.reason) == ("red", "1 tested films chose the epoch that was kept.")


def test_other_runs_scored_on_the_same_test_are_counted(make_run, ask, write, metrics):
    run = make_run()
    other = run.parent / "other"
    write(other / "metrics.json", metrics())
    (other / "manifest.json").write_bytes((run / "manifest.json").read_bytes())
    answer = ask("selection", run)
    assert answer.colour == "amber"
    assert ("other runs beside with figures of the same manifest", "other") in answer.facts
    write(other / "manifest.json", {"sha256": "another"})
    assert ask("selection", run).colour == "green"


def test_an_epoch_that_nobody_tells_of_is_said(make_run, ask):
    run = make_run()
    (run / "phases.json").unlink()
    assert ask("selection", run).reason == "The folder doesn't tell by which films the epoch was chosen."
    probe = ask("selection", make_run(settings=("optim.epochs=[1,0]", "optim.head=probe")))
    assert probe.colour == "green"
    assert probe.reason.startswith("No epoch was chosen, and no other run beside")


@pytest.mark.parametrize(
    ("settings", "colour", "reason"),
    [
        ((), "green", "From nothing"),
        (("model.pretrained=true", "model.backbone=resnet50"), "green", "From ImageNet-1k weights (a1_in1k)"),
        (("model.pretrained=true", "model.backbone=tf_efficientnet_b0"), "amber", "From weights (ns_jft_in1k)"),
        (("model.weights=w.safetensors",), "amber", "From a file of weights"),
    ],
)
def test_what_training_started_from_is_told(make_run, ask, settings, colour, reason):
    answer = ask("initialisation", make_run(2, settings=settings))
    assert answer.colour == colour
    assert answer.reason.startswith(reason)


def test_a_tag_that_timm_does_not_know_is_none():
    assert pretrained_tag("resnet50.no_such_tag") == ""
