"""Questions about the films and the training: which evidence gives which colour."""

import re
import sys
from dataclasses import replace

import pytest

from fxkit.audit.data_questions import weights_tag
from fxkit.audit.evidence import read_evidence
from fxkit.audit.picture import collect_rows
from fxkit.config import ModelConfig
from fxkit.data.manifest import Record
from fxkit.errors import RunError


def make_record(name, split, group, label="intact", patient="p"):
    return Record(f"{name}.png", label, group, split, name, 9, 9, "ok", name, patient)


def test_no_leak_with_named_patients_passes(make_run, ask):
    answer = ask("leak", make_run())
    assert answer.colour == "green"
    assert answer.reason == "No: no film and no patient of the 200 tested files is also in training."


def test_no_leak_without_named_patients_is_a_caution(make_run, ask):
    answer = ask("leak", make_run(patient=False))
    assert answer.colour == "amber"
    assert "cannot show that two films belong to one patient" in answer.reason
    assert ("files with a named patient", "0 of 212") in answer.facts


def test_training_files_must_have_a_named_patient_too(make_run, ask):
    answer = ask("leak", make_run(extra=(make_record("x", "train", "g", patient=""),)))
    assert answer.colour == "amber"
    assert ("files with a named patient", "212 of 213") in answer.facts


def fold_run(make_run, write, metrics, stamp=""):
    rows = [
        replace(make_record(f"f{i}", "train", f"f{i}", ("intact", "fractured")[i % 2], f"f{i}"), fold="0")
        for i in range(80)
    ]
    run = make_run(0, extra=tuple(rows), folds=3)
    interval = {"value": 0.88, "low": 0.84, "high": 0.92}
    folds = {"metric": "auroc", "mean": interval, "spread": 0.02, "each": []}
    write(run / "metrics_out_of_fold.json", metrics(folds=folds) | ({"leaks": {"stamp": stamp}} if stamp else {}))
    return run


def test_a_run_of_folds_is_tested_on_all_its_folds(make_run, ask, write, metrics):
    run = fold_run(make_run, write, metrics)
    assert ask("leak", run).colour == "green"
    assert ask("size", run).reason == (
        "The 80 tested files show 80 films of 80 patients. The rarest class, fractured, has 40 patients."
    )
    assert ask("score", run).reason.startswith("Yes: the AUROC by film is 0.90 (0.85 to 0.95).")


def test_a_leaking_fold_fails(make_run, ask, write, metrics):
    answer = ask("leak", fold_run(make_run, write, metrics, "leaking folds: fold 0: of 9 test files, 1"))
    assert (answer.colour, answer.reason) == ("red", "Yes: leaking folds: fold 0: of 9 test files, 1.")


def test_the_picture_shows_the_mean_of_folds_and_the_pooled_auroc(make_run, write, metrics):
    rows = collect_rows(read_evidence(fold_run(make_run, write, metrics)))
    assert [row.name for row in rows] == ["mean of folds", "out of fold, pooled"]
    assert rows[0].interval.low == 0.84


def test_folds_in_the_manifest_do_not_test_a_run_without_folds(make_run, ask):
    assert ask("size", make_run(0, extra=(replace(make_record("x", "train", "g"), fold="0"),))).colour == "grey"


def test_a_leak_fails(make_run, ask):
    answer = ask("leak", make_run(extra=(make_record("x", "test", "train0"),)))
    assert answer.colour == "red"
    assert answer.reason == "Yes: of 201 test files, 1 (under 1 %) is another film of a training patient."
    assert answer.command


def test_a_leak_into_the_validation_set_only_is_a_caution(make_run, ask):
    answer = ask("leak", make_run(extra=(make_record("x", "val", "train0"),)))
    assert answer.colour == "amber"
    assert "of 5 val files, 1 (20 %) is another film of a training patient" in answer.reason


@pytest.mark.parametrize("key", ["leak", "size"])
def test_a_manifest_without_test_films_is_not_tested(make_run, ask, key):
    answer = ask(key, make_run(tested=0))
    assert (answer.colour, answer.look.word) == ("grey", "not tested")
    assert answer.command.startswith("fxkit index")


@pytest.mark.parametrize(("tested", "colour"), [(58, "red"), (60, "amber"), (198, "amber"), (200, "green")])
def test_the_number_of_groups_of_the_rarest_class_gives_the_colour(make_run, ask, tested, colour):
    assert ask("size", make_run(tested)).colour == colour


def test_groups_without_named_patients_are_a_caution(make_run, ask):
    answer = ask("size", make_run(400, patient=False))
    assert answer.colour == "amber"
    assert answer.reason == (
        "The 400 tested files show 400 films of 400 groups. The rarest class, fractured, has 200 groups."
    )


def test_copies_do_not_count_as_cases(make_run, ask):
    copies = tuple(replace(make_record(f"c{i}", "test", "test0"), film="test0") for i in range(300))
    answer = ask("size", make_run(40, extra=copies))
    assert answer.colour == "red"
    assert answer.reason == (
        "The 340 tested files show 40 films of 40 patients. The rarest class, fractured, has 20 patients."
    )


def make_card(verdict, files=212, **changes):
    figure = {"kind": "all metadata", "n_films": 212, "verdict": verdict}
    figures = [figure | {"found": {"value": 0.7, "low": 0.65, "high": 0.75}}]
    names = [f"{split}{i}.png" for split, n in (("train", 8), ("val", 4), ("test", 200)) for i in range(n)]
    baseline = {"figures": figures, "verdict": verdict} if verdict else None
    described = [
        {"path": name, "label": ("intact", "fractured")[int(re.search(r"\d+", name)[0]) % 2], "sha256": name[:-4]}
        | changes.get(name[:-4], {})
        for name in names[:files]
    ]
    return {"baseline": baseline, "files": [{"path": name} for name in names[:files]], "described": described}


@pytest.mark.parametrize(
    ("verdict", "colour"),
    [("far above chance", "red"), ("above chance", "amber"), ("undecided", "amber"), ("no evidence", "green")],
)
def test_the_metadata_verdict_gives_the_colour(make_run, ask, write, tmp_path, verdict, colour):
    answer = ask("metadata", make_run(), data_card=write(tmp_path / "data.json", make_card(verdict)))
    assert answer.colour == colour
    assert "the highest AUROC without the image is 0.70 (0.65 to 0.75), from all metadata" in answer.reason


def test_a_card_of_other_films_is_a_caution(make_run, ask, write, tmp_path):
    answer = ask("metadata", make_run(), data_card=write(tmp_path / "data.json", make_card("no evidence", files=100)))
    assert answer.colour == "amber"
    assert "describes 100 of this run's 212 files" in answer.reason


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"test1": {"sha256": "other"}, "test2": {"sha256": "other"}}, "was made when 2 files had other bytes"),
        ({"test1": {"label": "intact"}}, "was made when 1 file had another class"),
        ({"test1": {"label": " Fractured"}}, ""),
        ({"test1": {"sha256": ""}}, "or the manifest does not record the hashes of the films"),
    ],
)
def test_a_card_of_other_films_with_the_same_names_is_a_caution(make_run, ask, write, tmp_path, changes, words):
    card = make_card("no evidence", **changes)
    answer = ask("metadata", make_run(), data_card=write(tmp_path / "data.json", card))
    assert answer.colour == ("amber" if words else "green")
    assert words in answer.reason


def test_a_card_of_further_films_is_a_caution(make_run, ask, write, tmp_path):
    card = make_card("no evidence")
    card["files"] += [{"path": f"more{i}.png"} for i in range(900)]
    answer = ask("metadata", make_run(), data_card=write(tmp_path / "data.json", card))
    assert answer.colour == "amber"
    assert answer.reason.startswith("The data card describes 900 files that this run does not have; a card of the same")


def test_an_older_card_without_hashes_is_a_caution(make_run, ask, write, tmp_path):
    card = make_card("no evidence")
    del card["described"]
    answer = ask("metadata", make_run(), data_card=write(tmp_path / "data.json", card))
    assert answer.colour == "amber"
    assert "does not record the hashes of the films, so they may be others of the same names" in answer.reason


def test_a_data_card_in_the_run_folder_is_used(make_run, ask, write):
    run = make_run()
    assert ask("metadata", run).colour == "grey"
    write(run / "data.json", make_card(""))
    assert ask("metadata", run).reason == "The data card has no metadata baseline."


def test_a_missing_data_card_is_refused(make_run, ask, tmp_path):
    with pytest.raises(RunError, match=r"none.json: no such file; expected data.json as `fxkit index` writes it"):
        ask("metadata", make_run(), data_card=tmp_path / "none.json")


def test_an_epoch_chosen_on_validation_films_passes(make_run, ask):
    answer = ask("selection", make_run())
    assert answer.colour == "green"
    assert "leave no trace" in answer.reason


def test_test_films_that_chose_the_epoch_fail(make_run, ask):
    both = replace(make_record("x", "val", "g"), film="test0")
    answer = ask("selection", make_run(extra=(both,)))
    assert answer.colour == "red"
    assert answer.reason == "Yes: 1 test film is also in the validation set, on which the epoch was chosen."


def test_other_runs_evaluated_on_the_same_test_films_are_a_caution(make_run, ask, write, metrics):
    run = make_run()
    other = run.parent / "other"
    write(other / "metrics.json", metrics())
    (other / "manifest.json").write_bytes((run / "manifest.json").read_bytes())
    answer = ask("selection", run)
    assert answer.colour == "amber"
    assert ("other runs beside with figures of the same manifest", "other") in answer.facts
    write(other / "manifest.json", {"sha256": "another"})
    assert ask("selection", run).colour == "green"


def test_an_unrecorded_choice_of_the_epoch_is_a_caution(make_run, ask):
    run = make_run()
    (run / "phases.json").unlink()
    assert ask("selection", run).reason == "The run folder does not record on which films the epoch was chosen."
    probe = ask("selection", make_run(settings=("optim.epochs=[1,0]", "optim.head=probe")))
    assert probe.colour == "green"
    assert probe.reason.startswith("No: no epoch was chosen, and no other run in the same folder")


@pytest.mark.parametrize(
    ("settings", "colour", "reason"),
    [
        ((), "green", "From random weights"),
        (("model.pretrained=true", "model.backbone=resnet50"), "green", "From ImageNet-1k weights (a1_in1k)"),
        (("model.pretrained=true", "model.backbone=tf_efficientnet_b0"), "amber", "From weights (ns_jft_in1k)"),
        (("model.weights=w.safetensors",), "amber", "From a weights file"),
    ],
)
def test_the_initial_weights_give_the_colour(make_run, ask, settings, colour, reason):
    answer = ask("initialisation", make_run(2, settings=settings))
    assert answer.colour == colour
    assert answer.reason.startswith(reason)


def test_the_recorded_tag_of_the_weights_is_read(tmp_path):
    (tmp_path / "environment.json").write_text('{"pretrained_tag": "a1_in1k"}', encoding="utf-8")
    assert weights_tag(tmp_path, ModelConfig(backbone="resnet18")) == "a1_in1k"


@pytest.mark.parametrize(("backbone", "tag"), [("resnet50", "a1_in1k"), ("resnet50.no_such_tag", "")])
def test_timm_knows_the_tag_of_runs_that_did_not_record_it(tmp_path, backbone, tag):
    (tmp_path / "environment.json").write_text("{}", encoding="utf-8")
    assert weights_tag(tmp_path, ModelConfig(backbone=backbone)) == tag


def test_without_timm_only_a_tag_in_the_name_is_known(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "fxkit.models.backbones", None)
    assert weights_tag(tmp_path, ModelConfig(backbone="resnet50.a1_in1k")) == "a1_in1k"
    assert weights_tag(tmp_path, ModelConfig(backbone="resnet50")) == ""
