"""`fxkit evaluate`, `predict`, `cam` and `ablate`: their options reach the library, and they print what they found."""

import json
import shutil
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from fxkit.cli.ablate import ablate
from fxkit.cli.cam import cam
from fxkit.cli.evaluate import evaluate
from fxkit.cli.predict import predict
from fxkit.data.leaks import leak_stamp
from fxkit.data.manifest import write_manifest
from fxkit.errors import DataError
from fxkit.index.build import IndexOptions, index_data
from fxkit.models.run_folder import Run
from fxkit.synth.dataset import Synthetic
from preprocess.errors import KnownError
from preprocess.folder.clean_folder import FolderOptions, clean_folder


@pytest.fixture
def folder(trained: Run, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained.folder, tmp_path / "run"))


def invoke(command: object, *arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(command, [str(a) for a in arguments], catch_exceptions=False)  # type: ignore[arg-type]
    return result.exit_code, result.stdout, result.stderr


def test_evaluate_prints_intervals_and_writes_the_report(folder: Path) -> None:
    code, out, _ = invoke(evaluate, folder)
    assert code == 0
    assert "by film:" in out
    assert "auroc" in out
    assert out.splitlines()[-1] == f"report: {folder / 'report.html'}"
    assert (folder / "report.html").is_file()


def test_evaluate_takes_other_data(folder: Path, made: Synthetic) -> None:
    arguments = [evaluate, folder, "--data", made.root, "--name", "other"]
    with pytest.raises(
        DataError, match=r"other: 60 files \(20 films\) are, apart from cleaning, training or validation"
    ):
        invoke(*arguments)
    code, out, _ = invoke(*arguments, "--allow-leaks")
    assert code == 0
    assert out.startswith("leaking data: 60 files (20 films) are, apart from cleaning, training or validation files")
    assert (folder / "evaluations" / "other" / "metrics.json").is_file()


def test_predict_prints_a_table_and_lists_what_it_cannot_read(trained: Run, folder: Path, tmp_path: Path) -> None:
    good = trained.root / trained.records[0].path
    (tmp_path / "bad\nname.png").touch()
    code, out, err = invoke(predict, folder, good, tmp_path / "bad\nname.png")
    assert code == 1
    heading, row = out.splitlines()
    assert heading == "decision\tp(not_fractured)\tp(fractured)\timage"
    assert row.endswith(f"\t{good}")
    assert err.count("\n") == 1
    assert "bad\\nname.png: zero bytes" in err


def test_predict_without_an_image_is_an_error(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(KnownError, match=r"^no image in .*empty; expected files ending in \.bmp, "):
        invoke(predict, folder, tmp_path / "empty")


def test_predict_as_json_takes_whole_folders(folder: Path, made: Synthetic) -> None:
    code, out, _ = invoke(predict, folder, made.root / "fractured", "--json")
    rows = json.loads(out)
    assert code == 0
    assert len(rows) == len(list((made.root / "fractured").iterdir()))
    assert set(rows[0]["probabilities"]) == {"fractured", "not_fractured"}


def test_cam_explains_the_test_films(folder: Path, made: Synthetic) -> None:
    code, out, _ = invoke(cam, folder, "--limit", "3", "--markers", made.root / "markers.json")
    assert code == 0
    assert out.splitlines()[0].startswith("3 films, ")
    assert (folder / "cam" / "sheet.png").is_file()


def test_cam_explains_named_images(trained: Run, folder: Path, tmp_path: Path) -> None:
    code, _, _ = invoke(cam, folder, trained.root / trained.records[0].path, "--out", tmp_path / "maps")
    assert code == 0
    assert (tmp_path / "maps" / "0000.png").is_file()


def test_ablate_without_a_name_lists_what_there_is() -> None:
    code, out, _ = invoke(ablate)
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == [
        "augment",
        "backbone",
        "masked-vs-raw",
        "resolution",
        "split",
    ]


def test_ablate_prints_table_differences_and_verdict(made: Synthetic, tmp_path: Path) -> None:
    clean_folder(made.root, tmp_path / "clean", FolderOptions(markers=made.root / "markers.json"))
    options = ["--config", "tiny", "--set", "data.image_size=64", "--seeds", "0", "--folds", "3"]
    places = ["--data", made.root, "--cleaned", tmp_path / "clean", "--out", tmp_path / "out"]
    code, out, err = invoke(ablate, "masked-vs-raw", *places, *options)
    assert code == 0
    lines = out.splitlines()
    assert lines[0].split()[:6] == ["auroc", "by", "film", "tested", "on", "raw"]
    assert lines[-4].startswith("quick: linear head on frozen features")
    assert lines[-3].removeprefix("verdict: ") in ("reliance", "no evidence", "undecided")
    assert lines[-2].startswith("reason: ")
    assert lines[-1].startswith("limits: ")
    assert "seed 0: training on cleaned films" in err
    assert (tmp_path / "out" / "ablation.json").is_file()


def test_ablate_refuses_a_leaking_split_before_it_cleans(made: Synthetic, tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.csv", index_data(made.root, IndexOptions(split="random")).records)
    places = ["--manifest", tmp_path / "m.csv", "--root", made.root, "--cleaned", tmp_path / "clean"]
    with pytest.raises(DataError, match=r"^the split leaks: .*or give --allow-leaks, which stamps all figures$"):
        invoke(ablate, "masked-vs-raw", *places, "--out", tmp_path / "out", "--folds", "0")
    assert not (tmp_path / "clean").exists()


def test_ablate_and_cam_print_the_stamp(made: Synthetic, tmp_path: Path) -> None:
    found = index_data(made.root, IndexOptions(split="random"))
    write_manifest(tmp_path / "m.csv", found.records)
    clean_folder(made.root, tmp_path / "clean", FolderOptions(markers=made.root / "markers.json"))
    options = ["--config", "tiny", "--set", "data.image_size=64", "--epochs", "1,0", "--seeds", "0", "--allow-leaks"]
    options += ["--full", "--folds", "0"]
    places = ["--manifest", tmp_path / "m.csv", "--root", made.root, "--cleaned", tmp_path / "clean"]
    code, out, _ = invoke(ablate, "masked-vs-raw", *places, "--out", tmp_path / "out", *options)
    assert code == 0
    assert out.splitlines()[0] == leak_stamp(found.records)
    code, out, _ = invoke(cam, tmp_path / "out" / "raw-seed0", "--limit", "1")
    assert code == 0
    assert out.splitlines()[0] == leak_stamp(found.records)


@pytest.mark.parametrize(
    ("command", "arguments", "words"),
    [
        (
            ablate,
            ["masked-vs-raw", "--data", "x", "--seeds", "0,0"],
            "--seeds 0,0: a seed is repeated; give each seed once",
        ),
        (ablate, ["masked-vs-raw", "--data", "x", "--resume", "--overwrite"], "cannot be combined"),
        (evaluate, ["x", "--raw"], "--raw needs --root or --data"),
        (cam, ["x", "--limit", "-1"], "-1 is not in the range"),
        (cam, ["x", "--method", "score-cam"], "'score-cam' is not one of 'grad-cam'"),
    ],
)
def test_wrong_usage_is_told(command: click.Command, arguments: list[str], words: str) -> None:
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 2
    assert words in result.stderr


def test_pictures_of_an_earlier_cam_go(folder: Path) -> None:
    assert invoke(cam, folder, "--limit", "3")[0] == 0
    assert invoke(cam, folder, "--limit", "1")[0] == 0
    assert sorted(p.name for p in (folder / "cam").glob("0*.png")) == ["0000.png"]


def test_seeds_that_are_no_numbers_are_wrong_usage(made: Synthetic) -> None:
    result = CliRunner().invoke(ablate, ["masked-vs-raw", "--seeds", "a,b", "--data", str(made.root)])
    assert result.exit_code == 2
    assert "--seeds a,b: expected whole numbers separated by commas" in result.stderr


def test_cam_plays_the_pointing_game(folder: Path, made: Synthetic) -> None:
    code, out, _ = invoke(cam, folder, "--limit", "4", "--boxes", made.root / "markers.json", "--method", "eigencam")
    assert code == 0
    assert "pointing game (" in out
    assert "by chance" in out
    result = CliRunner().invoke(cam, [str(folder), "film.png", "--boxes", str(made.root / "markers.json")])
    assert result.exit_code == 2
    assert "--boxes describes the run's test films" in result.stderr


def test_views_are_averaged_and_named(trained: Run, folder: Path) -> None:
    film = trained.root / trained.records[0].path
    plain, averaged = (invoke(predict, folder, film, "--json", *more) for more in ((), ("--tta", "flips")))
    assert (plain[0], averaged[0]) == (0, 0)
    assert averaged[1] != plain[1]
    told = "note: averaged over 4 views of each film: as it is, mirrored, upside down, mirrored and upside down\n"
    assert (plain[2], averaged[2]) == ("", told)
    code, _, err = invoke(evaluate, folder, "--tta", "flips")
    assert (code, err) == (0, told)
    assert len(json.loads((folder / "metrics.json").read_text())["views"]) == 4
