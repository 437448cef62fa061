"""`fxkit index`: the manifest, the pages, what it prints, and its exit codes."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from fxkit.cli import main
from fxkit.cli.index import index_command
from fxkit.data.manifest import read_manifest
from fxkit.index import read_files
from fxkit.synth.dataset import Synthetic
from preprocess.images import write_image


@pytest.mark.slow
def test_a_manifest_is_written_and_the_counts_are_printed(made: Synthetic, tmp_path: Path) -> None:
    out = tmp_path / "manifest.csv"
    result = CliRunner().invoke(index_command, [str(made.root), "--out", str(out), "--seed", "3", "--no-copies"])
    assert result.exit_code == 0, result.output
    assert len(read_manifest(out)) == made.files
    lines = result.stdout.splitlines()
    assert "metadata alone predict the class" in lines[0]
    heading = next(line for line in lines if line.split()[:1] == ["split"])
    assert heading.split() == ["split", "files", "films", "groups", "not_fractured", "fractured"]
    everything = next(line for line in lines if line.split()[:1] == ["all"])
    assert everything.split()[1:4] == ["72", "24", "24"]
    assert result.stderr == ""  # no progress bar without a terminal
    assert lines[-3:-1] == [f"{name}: {tmp_path / name}.html" for name in ("data", "groups")]
    assert lines[-1] == f"{out}: 72 rows, 0 of them left out; root {made.root}"


def test_no_pages_writes_no_pages(made: Synthetic, tmp_path: Path) -> None:
    arguments = [str(made.root), "--out", str(tmp_path / "new" / "m.csv"), "--split", "random", "--no-pages"]
    result = CliRunner().invoke(index_command, [*arguments, "--no-copies"])
    assert result.exit_code == 0, result.output
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"m.csv", "m.cache"}


def write_blank_films(root: Path) -> str:
    """Write seven uniform films, which have no features to compare."""
    for number, name in enumerate(("a/1", "a/2", "a/3", "a/4", "b/5", "b/6", "b/7")):
        write_image(root / f"{name}.png", np.full((40, 40), 9 * number, np.uint8))
    return str(root)


def test_pages_are_written_for_few_groups(tmp_path: Path) -> None:
    result = CliRunner().invoke(index_command, [write_blank_films(tmp_path / "raw"), "--out", str(tmp_path / "m.csv")])
    assert result.exit_code == 0, result.output
    assert "metadata alone predict the class" in result.stdout.splitlines()[0]
    assert len({record.group for record in read_manifest(tmp_path / "m.csv")}) == 7
    assert {"data.html", "data.json", "groups.html", "groups.json"} < {path.name for path in tmp_path.iterdir()}


def test_films_of_one_grey_value_are_told(tmp_path: Path) -> None:
    data, out = write_blank_films(tmp_path / "raw"), tmp_path / "m.csv"
    film = np.zeros((40, 40), np.uint8)
    film[5, 5] = 1
    write_image(tmp_path / "raw" / "b" / "8.png", film)
    for _ in range(2):  # the second time from the cache
        result = CliRunner().invoke(index_command, [data, "--out", str(out), "--no-pages", "--no-copies"])
        assert "WARNING: 7 files hold one grey value only, so no film is visible: a/1.png, " in result.output


def test_an_accepted_pair_joins_two_groups(tmp_path: Path) -> None:
    (tmp_path / "accept.csv").write_text("first,second\na/1.png,a/4.png\n")
    arguments = [
        write_blank_films(tmp_path / "raw"),
        "--out",
        str(tmp_path / "m.csv"),
        "--accept",
        str(tmp_path / "accept.csv"),
    ]
    result = CliRunner().invoke(index_command, arguments)
    assert result.exit_code == 0, result.output
    group = {record.path: record.group for record in read_manifest(tmp_path / "m.csv")}
    assert group["a/1.png"] == group["a/4.png"]
    assert len(set(group.values())) == 6


@pytest.mark.slow
def test_the_manifest_goes_into_the_current_folder_by_default(
    made: Synthetic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(index_command, [str(made.root / "truth.csv"), "--no-pages"]).exit_code == 0
    assert (tmp_path / "manifest.csv").exists()


@pytest.mark.slow
def test_an_unreadable_file_is_listed_and_the_exit_code_is_0(made: Synthetic, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    shutil.copytree(made.root, raw)
    (raw / "fractured" / "two\nlines.png").touch()
    result = CliRunner().invoke(index_command, [str(raw), "--out", str(tmp_path / "m.csv"), "--no-pages"])
    assert result.exit_code == 0
    assert "left out: fractured/two\\nlines.png: zero bytes long; copy the file again" in result.stdout.splitlines()


@pytest.mark.slow
def test_a_random_split_warns_with_numbers(made: Synthetic, tmp_path: Path) -> None:
    arguments = [str(made.root), "--out", str(tmp_path / "m.csv"), "--split", "random", "--no-pages"]
    result = CliRunner().invoke(index_command, arguments)
    assert "WARNING: this random split of files: " in result.stdout
    assert "test files have a copy of the same film in training" in result.stdout


@pytest.mark.slow
def test_folds_by_marker_style_are_written_and_counted(made: Synthetic, tmp_path: Path) -> None:
    out, markers = tmp_path / "m.csv", made.root / "markers.json"
    arguments = ["--fractions", "1,0,0", "--folds", "3", "--stratify", "marker", "--markers", str(markers)]
    arguments += ["--no-pages"]
    result = CliRunner().invoke(index_command, [str(made.root / "truth.csv"), "--out", str(out), *arguments])
    assert result.exit_code == 0, result.output
    assert {r.fold for r in read_manifest(out)} == {"0", "1", "2"}
    assert " by marker)" in next(line for line in result.stdout.splitlines() if line.startswith("balance of the 3 fo"))
    assert [line.split()[1] for line in result.stdout.splitlines() if line.split()[0] == "fold"] == ["0", "1", "2"]


@pytest.mark.slow
def test_one_of_several_sites_is_held_out(made: Synthetic, tmp_path: Path) -> None:
    for number, film in enumerate(sorted(made.root.glob("*/*.png"))):
        target = tmp_path / "films" / ("east", "west")[number // 3 % 2] / film.parent.name / film.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(film, target)
    roots = [str(tmp_path / "films" / site) for site in ("east", "west")]
    out = tmp_path / "m.csv"
    result = CliRunner().invoke(
        index_command, [*roots, "--out", str(out), "--hold-out", "west", "--stratify", "site", "--no-pages"]
    )
    assert result.exit_code == 0, result.output
    assert {(r.path.split("/")[0], r.site) for r in read_manifest(out)} == {("east", "east"), ("west", "west")}
    assert {r.site for r in read_manifest(out) if r.split == "test"} == {"west"}
    again = CliRunner().invoke(
        index_command, [*roots, "--out", str(tmp_path / "n.csv"), "--frozen", str(out), "--no-pages"]
    )
    assert again.exit_code == 0, again.output
    assert (tmp_path / "n.csv").read_bytes() == out.read_bytes()


@pytest.mark.slow
def test_a_cluster_writes_the_same_manifest_and_pages(
    made: Synthetic, tmp_path: Path, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = tmp_path / "raw"
    shutil.copytree(made.root, raw)
    (raw / "fractured" / "empty.png").touch()
    monkeypatch.chdir(tmp_path)  # the workers run in another folder
    for name, options in (("one", []), ("two", ["--backend", "dask", "--scheduler", cluster.scheduler_address])):
        result = CliRunner().invoke(index_command, ["raw", "--out", f"{name}/m.csv", *options], catch_exceptions=False)
        assert result.exit_code == 0, result.output
    for file in ("m.csv", "data.json", "groups.json", "groups.html"):
        assert (tmp_path / "two" / file).read_bytes() == (tmp_path / "one" / file).read_bytes()


@pytest.mark.slow
def test_a_second_run_reads_the_cache_and_decodes_nothing(
    made: Synthetic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = [str(made.root / "truth.csv"), "--out", str(tmp_path / "m.csv")]
    first = CliRunner().invoke(index_command, arguments, catch_exceptions=False)
    before = {name: (tmp_path / name).read_bytes() for name in ("m.csv", "data.json")}
    monkeypatch.setattr(read_files, "decode_image", None)
    second = CliRunner().invoke(index_command, arguments, catch_exceptions=False)
    assert second.stdout == first.stdout
    assert {name: (tmp_path / name).read_bytes() for name in before} == before


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--stratify", "site,age"], "'age'; expected site, marker, or site,marker"),
        (["--fractions", "a,b"], "'a,b'; expected three numbers such as 0.7,0.15,0.15"),
        (["--keep-split", "--split", "random"], "--keep-split and --split random cannot be combined"),
    ],
)
def test_wrong_usage_exits_with_2(made: Synthetic, arguments: list[str], text: str) -> None:
    result = CliRunner().invoke(index_command, [str(made.root), *arguments])
    assert result.exit_code == 2
    assert text in result.stderr


def test_a_known_error_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["index", str(tmp_path / "gone")])
    assert exit_.value.code == 1
    assert "gone: no such folder or file; expected CLASS/image folders" in capsys.readouterr().err
