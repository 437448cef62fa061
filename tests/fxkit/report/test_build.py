"""The report page as a whole."""

import json

import pytest

from fxkit.data.manifest import Record, write_manifest
from fxkit.errors import RunError
from fxkit.html import picture_uri
from fxkit.report.build import build_report

from .conftest import (
    BAD,
    Page,
    predictions,
    records,
    seen,
    write_ablation,
    write_attention,
    write_picture,
    write_run,
    write_scores,
)


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


def test_a_leak_is_reported_at_the_top_and_with_the_data(tmp_path):
    text = Page(build_report(write_run(tmp_path / "run", leak=True))).text
    assert "Yes: 2 of 8 test files 2 are copies of a training film, and 0 are other films of a training group." in text
    assert (
        "Leak: 2 of 8 test files (25 %) belong to groups of films that are also in the training or validation" in text
    )


def test_all_leaks_are_in_a_banner_at_the_top_which_is_also_printed(tmp_path):
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


def test_missing_parts_are_left_out_and_named(tmp_path):
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
def test_a_damaged_file_is_refused_and_the_old_page_stays(tmp_path, file, text, error, message):
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
