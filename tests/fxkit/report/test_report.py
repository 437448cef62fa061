import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from fxkit.data.manifest import Record, write_manifest
from fxkit.errors import RunError
from fxkit.evaluation.evaluate import write_pictures
from fxkit.evaluation.out_of_fold import evaluate_folds, write_out_of_fold
from fxkit.explain.attention import Attention
from fxkit.explain.explain import summarise_rows
from fxkit.html import picture_uri
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.summary import evaluate_predictions
from fxkit.report.attention import read_attention
from fxkit.report.build import build_report

BAD = "<script>alert('x')</script> & \"co\""
HISTORY = "phase,epoch,train_loss,val_loss,val_auroc\nhead,0,0.7,0.69,0.5\nfinetune,0,0.6,0.6,0.7\n"
VOID = {"meta", "link", "img", "line", "circle", "br"}


class Page(HTMLParser):
    """Checks that tags close, and keeps tags with their attributes and the text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        assert self.open == []
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    def headings(self) -> list[str]:
        return re.findall(r"<h2>([^<]*)</h2>", self.source)


def record(i: int, split: str, group: str, label: str, patient: str = "") -> Record:
    return Record(f"{i}.png", label, group, split, "", 9, 9, "ok", group, patient)


def records(classes=("intact", "fractured"), leak: bool = False) -> list[Record]:
    rows = []
    for i in range(24):
        split = ("train", "val", "test")[i // 8]
        group = "g0" if leak and split == "test" and i % 4 == 0 else f"g{i // 2}"
        rows.append(record(i, split, group, classes[(i // 2) % 2]))
    return rows


def predictions(classes=("intact", "fractured"), groups=None) -> Predictions:
    rng = np.random.default_rng(0)
    p = rng.random(16)
    groups = tuple(f"g{i // 2}" for i in range(16)) if groups is None else groups
    return Predictions(
        classes, tuple(map(str, range(16))), np.arange(16) // 2 % 2, np.stack([1 - p, p], 1), groups, groups
    )


def write_scores(folder: Path, found: Predictions, curves: bool = False, **more: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    evaluation = evaluate_predictions(found, resamples=50)
    (folder / "metrics.json").write_text(json.dumps(evaluation.to_dict() | more))
    if curves:
        write_pictures(folder / "figures", evaluation, found)


def write_ablation(folder: Path, **changes: object) -> None:
    interval = {"value": 0.04, "low": -0.02, "high": 0.1}
    cells = [{"trained": a, "tested": b, **interval} for a in ("raw", "cleaned") for b in ("raw", "cleaned")]
    cells[0]["value"] = 0.77
    values = {
        "name": "masked-vs-raw",
        "seeds": [0, 1],
        "metric": "auroc",
        "cells": cells,
        "mode": "quick",
        "contrasts": [{"key": "markers", "text": "elsewhere minus markers erased", "p": 0.2, **interval}],
        "flips": [{"name": "swapped", "by_marker": 0.1, "by_patch": 0.05, "difference": interval}],
        "verdict": "undecided",
        "reason": "Too few groups to tell.",
        "n_groups": 16,
        "n_films": 40,
        "n_files": 300,
    }
    (folder / "ablation.json").write_text(json.dumps(values | changes))


def write_picture(path: Path, width: int = 30, noise: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.random.default_rng(0).integers(0, 255, (width, width, 3)) if noise else np.full((20, width, 3), 90)
    cv2.imwrite(str(path), image.astype(np.uint8))


def write_run(folder: Path, classes=("intact", "fractured"), leak: bool = False, curves: bool = False) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    write_manifest(folder / "manifest.csv", records(classes, leak))
    (folder / "manifest.json").write_text(json.dumps({"root": str(folder / "images"), "sha256": ""}))
    (folder / "config.yaml").write_text("seed: 3\nmodel: {backbone: resnet50}\noptim: {epochs: [5, 15]}\n")
    if curves:  # drawing takes a while
        (folder / "history.csv").write_text(HISTORY)
    phases = {
        "head": {"epoch": 0, "val_loss": 0.69},
        "finetune": {"epoch": 0, "val_loss": 0.6, "finetuned_from": "layer3"},
    }
    (folder / "phases.json").write_text(json.dumps(phases))
    (folder / "environment.json").write_text(json.dumps({"commit": None, "python": "3.12", "packages": {"timm": "1"}}))
    write_scores(folder, predictions(classes), curves)
    return folder


def seen(path: str, label: str, area: float | None, attention: float | None) -> Attention:
    """A film decided as intact, whose shapes elsewhere get the attention of their area."""
    chance = None if attention is None else np.full((4, 2), 0.02)
    return Attention(path, label, "intact", 0.9, area, attention, chance=chance)


def write_attention(run: Path, rows: list[Attention], sanity: float | None = None) -> None:
    resolution = "7 x 7 cells, one of 32 px"
    summary = summarise_rows(rows, method="grad-cam", layer="layer4", resolution=resolution, sanity=sanity)
    (run / "cam").mkdir(parents=True, exist_ok=True)
    (run / "cam" / "attention.json").write_text(json.dumps(summary.to_dict()))


def test_a_whole_run_makes_a_page_that_needs_nothing_else(tmp_path):
    run = write_run(tmp_path / "run", curves=True)
    write_scores(run / "evaluations" / "elsewhere", predictions())
    write_ablation(run)
    write_picture(run / "cam" / "sheet.png")
    write_attention(run, [seen("a", "intact", 0.02, 0.06), seen("b", "intact", None, None)])
    path = build_report(run)
    assert path == run / "report.html"
    page = Page(path)
    assert page.headings() == [
        "Evaluation",
        "On other data",
        "Where the model looks",
        "Data",
        "Training",
        "Limits",
    ]
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(images) == 5
    assert all(image["src"].startswith("data:image/png;base64,") and image["alt"] for image in images)
    assert not any(tag in ("script", "iframe") for tag, _ in page.tags)
    assert [dict(attributes)["href"] for tag, attributes in page.tags if tag == "link"] == ["data:,"]
    assert all(a["href"].startswith("#") for tag, a in page.tags if tag == "a")
    assert "http" not in page.source.replace("http-equiv", "")


def test_the_headline_gives_score_verdict_and_leak(tmp_path):
    run = write_run(tmp_path / "run")
    write_ablation(run)
    text = Page(build_report(run)).text
    headline = text[: text.index("Evaluation")]
    figure = json.loads((run / "metrics.json").read_text())["film"]["figures"]["auroc"]
    assert f"{figure['value']:.2f} AUROC, 95 % interval {figure['low']:.2f} to {figure['high']:.2f}" in headline
    assert "8 films of 8 groups of films, 16 files" in headline
    assert "Undecided whether the model relies on markers Verdict: undecided." in headline
    assert "No leak found No group of the 8 test files is also in the training or validation set." in headline


def test_a_leak_is_told_at_the_top_and_with_the_data(tmp_path):
    text = Page(build_report(write_run(tmp_path / "run", leak=True))).text
    assert "Yes: 2 of 8 test files 2 are copies of a training film, and 0 are other films of a training group." in text
    assert (
        "Leak: 2 of 8 test files (25 %) belong to groups of films that are also in the training or validation" in text
    )


def test_all_that_leaks_stands_in_a_banner_on_top_in_print_too(tmp_path):
    run = write_run(tmp_path / "run", leak=True)
    write_ablation(run, stamp="leaking split: of the ablation")
    for folder, stamp in (("splits/val", "leaking split: of val"), ("evaluations/twin", "leaking data: of twin")):
        write_scores(run / folder, predictions(), leaks={"stamp": stamp})
    page = Page(build_report(run))
    banner = page.text[: page.text.index("The score on test films")]
    own = "Leaking split: of 8 test files, 2 (25 %) are copies of a training film."
    others = "Leaking split: of val. Leaking data: of twin. Leaking split: of the ablation."
    assert f"{own} {others} These scores do not show" in banner.replace(" .", ".")
    assert page.source.index('<aside class="stamp"') < page.source.index("<main>")
    assert "display: none" not in page.source


def test_another_film_of_a_training_patient_is_a_leak(tmp_path):
    run = write_run(tmp_path / "run")
    films = [
        ("p1", "f1", "train"),
        ("p1", "f2", "test"),
        ("p2", "f3", "val"),
        ("p2", "f3", "test"),
        ("p3", "f4", "test"),
    ]
    rows = [
        Record(f"{i}.png", "ab"[i % 2], patient, split, "", 9, 9, "ok", film, patient)
        for i, (patient, film, split) in enumerate(films)
    ]
    write_manifest(run / "manifest.csv", rows)
    text = Page(build_report(run)).text
    assert "No leak found" not in text
    assert (
        "Yes: 2 of 3 test files 1 are copies of a training film, and 1 are other films of a training patient." in text
    )
    assert "training or validation set: 1 are copies of a film there, and 1 are other films of a patient" in text


def test_the_data_are_counted_by_split_and_class(tmp_path):
    rows = [record(i, "train", f"g{i // 2}", "ab"[i == 4]) for i in range(5)] + [record(9, "test", "g9", "a")]
    write_manifest(tmp_path / "manifest.csv", rows)
    text = Page(build_report(tmp_path)).text
    assert "a: films (files) b: films (files) train 5 3 3 2 (4) 1 (1) test 1 1 1 1 (1) 0 (0) all 6 4 4" in text


def test_groups_are_called_patients_where_the_manifest_names_them(tmp_path):
    run = write_run(tmp_path / "run")
    rows = [record(i, ("train", "test")[i // 4], f"p{i}", ("a", "b")[i % 2], f"p{i}") for i in range(8)]
    write_manifest(run / "manifest.csv", rows)
    text = Page(build_report(run)).text
    assert "8 films of 8 patients" in text
    assert "does not name the patients" not in text


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("reliance", "The model relies on markers"),
        ("no evidence", "No evidence that the model relies on markers"),
        ("something new", "something new"),
    ],
)
def test_an_ablation_alone_is_reported_with_its_verdict(tmp_path, verdict, words):
    write_ablation(tmp_path, verdict=verdict)
    text = Page(build_report(tmp_path)).text
    assert words in text
    assert "See the ablation" in text
    assert "Too few groups to tell." in text
    assert "trained on raw 0.77 (-0.02 to 0.10)" in text
    assert "elsewhere minus markers erased (p = 0.200) +0.04 (-0.02 to +0.10)" in text
    assert (
        "in place of the film's own markers, change 10.0% of predictions from correct to wrong. Patches of background"
        in text
    )
    assert "mean over 2 seeds; 40 test films of 16 groups" in text
    assert "linear heads on the features of the frozen backbone" in text
    assert "but not the seed of the training" in text
    assert "Markers were erased on" not in text


def test_an_ablation_tells_on_how_many_files_markers_were_erased(tmp_path):
    write_ablation(tmp_path, n_erased=0)
    assert "Markers were erased on 0 of 300 test files." in Page(build_report(tmp_path)).text


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("raw-seed0", True),
        ("raw-seed12", True),
        ("raw-seed0-fold3", True),
        ("cleaned-seed0", False),
        ("resnet50-seed0", False),
        ("raw-seed", False),
    ],
)
def test_only_the_raw_arm_shows_the_verdict_of_the_folder_it_lies_in(tmp_path, name, told):
    run = write_run(tmp_path / name)
    write_ablation(tmp_path)
    text = Page(build_report(run)).text
    assert ("Verdict: undecided" in text) == told
    assert ("Not tested Run fxkit ablate masked-vs-raw" in text) != told


def test_own_films_are_no_other_data(tmp_path):
    run = write_run(tmp_path / "run")
    write_scores(run / "splits" / "val", predictions())
    page = Page(build_report(run))
    assert page.headings()[:2] == ["Evaluation", "Own validation and training films: not a test"]
    assert "On other data" not in page.text
    assert "All metrics on val" in page.text
    assert "Not tested on external data" in page.text


@pytest.mark.parametrize(
    ("files", "films", "limit"), [(0, 0, False), (3, 0, True), (0, 2, True), (3, 2, True), (None, None, False)]
)
def test_other_data_that_training_has_seen_are_no_test(tmp_path, files, films, limit):
    run = write_run(tmp_path / "run")
    more = {} if files is None else {"overlap": {"files": files, "films": films}}
    write_scores(run / "evaluations" / "twin", predictions(), **more)
    text = Page(build_report(run)).text
    warning = (
        f"Seen in training: {files} files ({films} films) of twin are training or validation files of this run, "
        "apart from cleaning."
    )
    assert (warning in text) == limit
    assert ("Not tested on external data" in text) == limit


def test_one_evaluation_without_overlap_is_a_test_elsewhere(tmp_path):
    run = write_run(tmp_path / "run")
    write_scores(run / "evaluations" / "twin", predictions(), overlap={"files": 1, "films": 0})
    write_scores(run / "evaluations" / "elsewhere", predictions(), overlap={"files": 0, "films": 0})
    assert "Not tested on external data" not in Page(build_report(run)).text


def test_each_class_has_its_precision_recall_f1_and_support(tmp_path):
    run = write_run(tmp_path / "run")
    found = json.loads((run / "metrics.json").read_text())["film"]["report"]
    text = Page(build_report(run)).text
    for name in ("intact", "fractured"):
        row = found[name]
        assert f"{name} {row['precision']:.2f} {row['recall']:.2f} {row['f1-score']:.2f} 4 " in text
    assert "class precision recall F1 support, films intact" in text


def test_a_class_that_was_never_decided_has_no_precision(tmp_path):
    names = tuple(map(str, range(4)))
    p = np.tile([1.0, 0.0], (4, 1))
    write_scores(tmp_path, Predictions(("a", "b"), names, np.arange(4) % 2, p, names, names))
    assert "b undefined 0.00 0.00 2 " in Page(build_report(tmp_path)).text


def test_what_is_not_there_is_left_out_and_said(tmp_path):
    write_manifest(tmp_path / "manifest.csv", records())
    page = Page(build_report(tmp_path))
    assert page.headings() == ["Data", "Limits"]
    assert "Not evaluated yet" in page.text
    assert "Not tested Run fxkit ablate masked-vs-raw" in page.text
    assert "No cleaning is recorded" in page.text


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(RunError, match=r"nothing to report; expected a run folder with manifest.csv, metrics.json"):
        build_report(tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_names_and_texts_are_escaped(tmp_path):
    run = write_run(tmp_path / "<b>run", classes=("ok", BAD), curves=True)
    write_scores(run / "evaluations" / "<i>data", predictions(("ok", BAD)), overlap={"files": 1, "films": 1})
    write_scores(run / "splits" / "<i>val", predictions(("ok", BAD)))
    (run / "manifest.json").write_text(json.dumps({"root": BAD, "cleaning": {"detector": BAD}}))
    write_ablation(run, reason=BAD, verdict=BAD, name=BAD)
    (run / "config.yaml").write_text(json.dumps({"model": {"backbone": BAD}}))
    write_attention(run, [seen("a", "<script>", 0.02, 0.06)])
    page = Page(build_report(run))
    assert not any(tag in ("script", "i") for tag, _ in page.tags)
    assert "<script" not in page.source
    assert page.text.count(BAD) >= 6


def test_undefined_figures_are_said_to_be_so(tmp_path):
    run = write_run(tmp_path / "run")
    one = predictions()
    write_scores(run, Predictions(one.classes, one.paths, np.ones(16), one.probabilities, one.films, one.groups))
    text = Page(build_report(run)).text
    assert "AUROC is undefined because all test films have the same class." in text
    assert "specificity undefined" in text


def test_few_groups_are_warned_of(tmp_path):
    run = write_run(tmp_path / "run")
    assert "Few groups. The rarest class has 4 groups of films in the test set." in Page(build_report(run)).text
    many = np.arange(160) % 2
    names = tuple(map(str, range(160)))
    p = np.full((160, 2), 0.5)
    write_scores(run, Predictions(("a", "b"), names, many, p, names, names))
    assert "Few groups." not in Page(build_report(run)).text


def test_more_classes_have_their_own_rows(tmp_path):
    names = tuple(map(str, range(30)))
    p = np.random.default_rng(0).dirichlet(np.ones(3), 30)
    write_scores(tmp_path, Predictions(("a", "b", "c"), names, np.arange(30) % 3, p, names, names))
    text = Page(build_report(tmp_path)).text
    assert "distinguishes 3 classes" in text
    assert "AUROC, mean over classes" in text
    assert "recall: c" in text


def write_ledger(run: Path, cleaning: object) -> Path:
    """A ledger in the image root, whose rows name files as they were before cleaning."""
    images = run / "images"
    images.mkdir()
    marker = {"quad": [[0, 0], [4, 0], [4, 4], [0, 4]], "text": "L", "confidence": 0.9, "style": ""}
    rows = [
        {"path": "0.jpg", "output": "0.png", "status": "cleaned", "markers": [marker, marker]},
        {"path": "1.png", "output": "1.png", "status": "copied", "markers": []},
        {"path": "2.png", "output": "", "status": "failed", "markers": []},
        {"path": "other.png", "output": "other.png", "status": "cleaned", "markers": [marker]},
    ]
    (images / "ledger.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (run / "manifest.json").write_text(json.dumps({"root": str(images), "cleaning": cleaning}))
    return images


def test_cleaning_is_told_from_the_ledger_of_the_images_for_the_files_in_use(tmp_path):
    run = write_run(tmp_path / "run")
    write_ledger(run, {"detector": "rapidocr"})
    text = Page(build_report(run)).text
    assert (
        "2 markers were erased on 1 of 3 files (rapidocr). 1 files had no marker, and 1 could not be cleaned." in text
    )


def test_no_cleaning_is_told_of_a_run_that_was_trained_on_raw_films(tmp_path):
    run = write_run(tmp_path / "run")
    write_ledger(run, None)
    text = Page(build_report(run)).text
    assert "markers were erased on" not in text
    assert "No cleaning is recorded. Markers were probably not erased from the films." in text


@pytest.mark.parametrize("damage", ["no root", "no ledger", "torn ledger", "no manifest"])
def test_a_cleaned_run_without_its_ledger_is_reported_all_the_same(tmp_path, damage):
    run = write_run(tmp_path / "run")
    images = write_ledger(run, {"detector": "rapidocr"})
    if damage == "torn ledger":
        (images / "ledger.jsonl").write_text("{}\n")
    elif damage == "no manifest":
        (run / "manifest.csv").unlink()
    else:
        (images / "ledger.jsonl").unlink()
    if damage == "no root":
        images.rmdir()
    text = Page(build_report(run)).text
    assert "The model was trained on cleaned films (rapidocr). The number of erased markers is unknown" in text


def test_training_tells_the_epoch_kept_and_the_settings(tmp_path):
    text = Page(build_report(write_run(tmp_path / "run"))).text
    assert "Epoch 1 of phase finetune was kept: validation loss 0.600; fine-tuned from layer3." in text
    assert "epochs: head, fine-tuning 5, 15" in text
    assert "python 3.12 timm 1" in text


def test_attention_stands_beside_its_chance(tmp_path):
    run = write_run(tmp_path / "run")
    rows = [seen("a", "intact", 0.02, 0.06), seen("b", "fractured", 0.04, 0.04), seen("c", "fractured", None, None)]
    rows += [seen("d", "fractured", 0.01, None), seen("e", "intact", 0.0, 0.0)]
    write_attention(run, rows)
    found = read_attention(run).summary
    assert (found.n_films, found.n_marked, found.n_empty, found.method) == (5, 3, 1, "grad-cam")
    assert [s.name for s in found.shares][:3] == ["all films with markers", "fractured", "intact"]
    assert [s.n_films for s in found.shares][:3] == [2, 1, 1]
    assert found.shares[0].attention == pytest.approx(0.05)
    assert found.shares[0].area == pytest.approx(0.03)
    assert found.shares[2].ratio == pytest.approx(3)
    assert (found.shares[2].chance_low, found.shares[2].chance_high) == (1, 1)
    assert found.shares[2].verdict == "more than by chance"
    text = Page(build_report(run)).text
    assert "all films with markers 2 5.0 % 3.0 % 1.67 (" in text
    assert "1.00 to 1.00 more than by chance" in text
    assert "7 x 7 cells, one of 32 px; attention beside a marker counts partly as attention on it" in text
    assert "drawn box" not in text
    assert "shuffled weights" not in text


def test_the_pointing_game_and_the_sanity_check_are_told(tmp_path):
    run = write_run(tmp_path / "run")
    boxed = {"in_box": (True, True), "box_share": (0.2, 0.3)}
    rows = [replace(seen(f"{i}", "intact", 0.02, 0.06), **boxed) for i in range(3)]
    write_attention(run, [*rows, replace(seen("4", "intact", 0.02, 0.06), **boxed | {"in_box": (False, True)})], 0.8)
    text = Page(build_report(run)).text
    assert "The map's peak lies in a drawn box on 75 % of 4 films with boxes" in text
    assert "by chance 20 %" in text
    assert "correlate by 0.80 with the maps of the same network with shuffled weights" in text
    assert "do not trust them" in text
    write_attention(run, rows, 0.1)
    assert "0.10 with the maps of the same network with shuffled weights: they depend" in Page(build_report(run)).text


def test_empty_maps_are_said_and_not_taken_for_looking_elsewhere(tmp_path):
    run = write_run(tmp_path / "run")
    write_attention(run, [seen("c", "fractured", 0.02, None)])
    text = Page(build_report(run)).text
    assert "1 map is empty: no region supports the predicted class." in text
    assert "all films with markers" not in text
    assert "No markers are known" not in text


def test_a_score_like_chance_is_said_to_be_so(tmp_path):
    run = write_run(tmp_path / "run")
    assert "The interval contains 0.5, so the score may be chance." in Page(build_report(run)).text
    names = tuple(map(str, range(80)))
    labels = np.arange(80) % 2
    write_scores(run, Predictions(("a", "b"), names, labels, np.eye(2)[labels], names, names))
    assert "may be chance" not in Page(build_report(run)).text


def test_attention_without_known_markers_is_said(tmp_path):
    run = write_run(tmp_path / "run")
    write_attention(run, [seen("c", "fractured", None, None)])
    assert "No markers are known on the film explained." in Page(build_report(run)).text


@pytest.mark.parametrize(
    ("file", "text", "error", "message"),
    [
        ("metrics.json", "{", RunError, r"metrics.json: cannot be read \(JSONDecodeError"),
        (
            "metrics.json",
            "{}",
            RunError,
            r"metrics.json: cannot be read \(classes: Field required\); expected what",
        ),
        ("metrics.json", "[]", RunError, r"metrics.json: cannot be read \(Input should be a valid dictionary"),
        ("ablation.json", '{"cells": []}', RunError, r"ablation.json: cannot be read .*run the command that made it"),
        ("cam/attention.json", '{"n_films": 3}', RunError, r"attention.json: cannot be read .*run the command that"),
        ("history.csv", "phase\n", RunError, r"history.csv: no epoch"),
    ],
)
def test_a_damaged_file_is_named_and_the_old_page_stays(tmp_path, file, text, error, message):
    run = write_run(tmp_path / "run")
    (run / "report.html").write_text("old")
    (run / file).parent.mkdir(exist_ok=True)
    (run / file).write_text(text)
    with pytest.raises(error, match=message):
        build_report(run)
    assert (run / "report.html").read_text() == "old"


def test_a_large_picture_is_made_smaller(tmp_path):
    write_picture(tmp_path / "big.png", 2000, noise=True)
    uri = picture_uri(tmp_path / "big.png")
    assert uri.startswith("data:image/jpeg;base64,")
    assert len(uri) < (tmp_path / "big.png").stat().st_size
    assert picture_uri(tmp_path / "none.png") is None


def test_folds_are_reported_with_their_mean_and_what_leaks(tmp_path):
    run = write_run(tmp_path / "run")
    assert "Out of fold" not in Page(build_report(run)).text
    told = predictions()
    parts = [told.take(np.arange(8)), told.take(np.arange(8, 16))]
    found = evaluate_folds(parts, stamp="leaking folds: fold 1")
    write_out_of_fold(run, told, found)
    page = Page(build_report(run))
    assert "The model of this run is the mean of 2 models." in page.text
    for name, figure in (
        ("fold 0", found.folds.each[0].score),
        ("mean of folds", found.folds.mean),
        ("pooled", found.headline),
    ):
        assert f"{name} {figure.text}" in page.text
    assert page.text.count("Leaking folds: fold 1") == 2  # in the banner, and with the figures
    (run / "metrics_out_of_fold.json").write_text("{}")
    with pytest.raises(RunError, match=r"metrics_out_of_fold\.json: cannot be read"):
        build_report(run)


def test_calibration_operating_points_and_subgroups_are_shown(tmp_path):
    from fxkit.evaluation.analyses import write_analysis_pictures
    from fxkit.metrics.analyses import Analyses
    from fxkit.metrics.calibration import calibration
    from fxkit.metrics.decision_curve import decision_curve
    from fxkit.metrics.operating_points import Target, operating_points
    from fxkit.metrics.subgroups import multiplicity, subgroups

    run, found = write_run(tmp_path / "run"), predictions()
    points = operating_points(found, [Target("youden")], found, prevalence=0.1, resamples=20)
    parts = subgroups(found, {BAD: {path: str(int(path) // 8) for path in found.paths}}, resamples=20)
    films = found.by_film()
    curve = decision_curve(films, prevalence=0.1, resamples=20)
    analyses = Analyses(
        calibration={"film": calibration(films, resamples=20)},
        operating_points=points,
        decision_curve=curve,
        subgroups=parts,
        multiplicity=multiplicity(parts),
    )
    write_scores(run, found, **analyses.to_dict())
    write_analysis_pictures(run / "figures", analyses)
    page = Page(build_report(run))
    assert f"youden {points[0].threshold:.3f} 8 validation films of 8 groups" in page.text
    assert "PPV at 0.1" in page.text
    assert f"{BAD} = 0 (few groups)" in page.text
    assert multiplicity(parts) in page.text
    assert "calibration slope" in page.text
    assert "By group: 8 groups" in page.text
    alts = [attributes["alt"] for tag, attributes in page.tags if tag == "img"]
    assert alts == ["Reliability diagram by film", "Decision curve by film"]


def test_a_run_evaluated_before_there_were_details_is_still_shown(tmp_path):
    run = write_run(tmp_path / "run")
    values = json.loads((run / "metrics.json").read_text())
    values.pop("group")
    values.pop("n_mixed")
    (run / "metrics.json").write_text(json.dumps(values))
    assert "By group:" not in Page(build_report(run)).text
