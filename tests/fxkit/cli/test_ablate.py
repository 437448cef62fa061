"""`fxkit ablate`: its options reach the library, and it prints the result."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fxkit.cli.ablate import ablate
from fxkit.cli.cam import cam
from fxkit.data.leaks import leak_stamp
from fxkit.data.manifest import write_manifest
from fxkit.errors import DataError
from fxkit.index.build import Index, IndexOptions, index_data
from fxkit.synth.dataset import Synthetic
from preprocess.folder.clean_folder import FolderOptions, clean_folder


def test_without_a_name_the_ablations_are_listed(invoke: Callable[..., Result]) -> None:
    assert [line.split()[0] for line in invoke(ablate).stdout.splitlines()] == [
        "augment",
        "backbone",
        "masked-vs-raw",
        "resolution",
        "split",
    ]


@pytest.mark.slow
def test_table_differences_and_verdict_are_printed(
    made: Synthetic, made_index: Index, tmp_path: Path, invoke: Callable[..., Result]
) -> None:
    clean_folder(made.root, tmp_path / "clean", FolderOptions(markers=made.root / "markers.json"))
    write_manifest(tmp_path / "m.csv", made_index.records)
    options = ["--config", "tiny", "--set", "data.image_size=64", "--seeds", "0", "--folds", "3"]
    folders = ["--root", made.root, "--cleaned", tmp_path / "clean", "--out", tmp_path / "out"]
    result = invoke(ablate, "masked-vs-raw", "--manifest", tmp_path / "m.csv", *folders, *options)
    lines = result.stdout.splitlines()
    assert lines[0] == "positive class: fractured"
    assert lines[1].split()[:6] == ["auroc", "by", "film", "tested", "on", "raw"]
    assert lines[-4].startswith("mode quick: a linear head was fitted to frozen features")
    assert lines[-3].removeprefix("verdict: ") in ("reliance", "no evidence", "undecided")
    assert lines[-2].startswith("reason: ")
    assert lines[-1].startswith("limits: ")
    assert "seed 0: training on cleaned films" in result.stderr
    assert (tmp_path / "out" / "ablation.json").is_file()


def test_a_leaking_split_is_refused_before_films_are_cleaned(
    made: Synthetic, tmp_path: Path, invoke: Callable[..., Result]
) -> None:
    write_manifest(tmp_path / "m.csv", index_data(made.root, IndexOptions(split="random", copies=False)).records)
    folders = ["--manifest", tmp_path / "m.csv", "--root", made.root, "--cleaned", tmp_path / "clean"]
    with pytest.raises(DataError, match=r"^the split leaks: .*or give --allow-leaks, which stamps all figures$"):
        invoke(ablate, "masked-vs-raw", *folders, "--out", tmp_path / "out", "--folds", "0")
    assert not (tmp_path / "clean").exists()


@pytest.mark.slow
def test_ablate_and_cam_print_the_stamp_of_a_leaking_split_first(
    made: Synthetic, tmp_path: Path, invoke: Callable[..., Result]
) -> None:
    index = index_data(made.root, IndexOptions(split="random", copies=False))
    write_manifest(tmp_path / "m.csv", index.records)
    clean_folder(made.root, tmp_path / "clean", FolderOptions(markers=made.root / "markers.json"))
    options = ["--config", "tiny", "--set", "data.image_size=64", "--epochs", "1,0", "--seeds", "0", "--allow-leaks"]
    options += ["--full", "--folds", "0"]
    folders = ["--manifest", tmp_path / "m.csv", "--root", made.root, "--cleaned", tmp_path / "clean"]
    ablated = invoke(ablate, "masked-vs-raw", *folders, "--out", tmp_path / "out", *options)
    assert ablated.stdout.splitlines()[0] == leak_stamp(index.records)
    explained = invoke(cam, tmp_path / "out" / "raw-seed0", "--limit", "1")
    assert explained.stdout.splitlines()[0] == leak_stamp(index.records)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--seeds", "0,0"], "--seeds 0,0: a seed is repeated; give each seed once"),
        (["--seeds", "a,b"], "--seeds a,b: expected whole numbers separated by commas"),
        (["--resume", "--overwrite"], "cannot be combined"),
    ],
)
def test_wrong_usage_exits_with_2(options: list[str], text: str) -> None:
    result = CliRunner().invoke(ablate, ["masked-vs-raw", "--data", "x", *options])
    assert result.exit_code == 2
    assert text in result.stderr
