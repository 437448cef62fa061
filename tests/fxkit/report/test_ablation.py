"""The marker ablation on the page."""

import pytest

from fxkit.report.build import build_report

from .conftest import Page, write_ablation, write_run


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("reliance", "The model relies on markers"),
        ("no evidence", "No evidence that the model relies on markers"),
        ("something new", "something new"),
    ],
)
def test_an_ablation_alone_is_reported_with_its_verdict(tmp_path, verdict, words):
    write_ablation(tmp_path, verdict=verdict, n_erased=300)
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
    assert "Markers were erased on 300 of 300 test files." in text


def test_an_ablation_shows_the_number_of_files_with_erased_markers(tmp_path):
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
def test_only_the_raw_arm_shows_the_verdict_of_its_ablation(tmp_path, name, told):
    run = write_run(tmp_path / name)
    write_ablation(tmp_path)
    text = Page(build_report(run)).text
    assert ("Verdict: undecided" in text) == told
    assert ("Not tested Run fxkit ablate masked-vs-raw" in text) != told


def test_findings_of_an_ablation_are_shown(tmp_path):
    write_ablation(tmp_path, n_erased=100, findings=["markers were erased only on one class"])
    assert "Markers were erased only on one class." in Page(build_report(tmp_path)).text
