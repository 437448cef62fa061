from pathlib import Path

import pytest

from preprocess.errors import DataError, KnownError, OutputError
from preprocess.folder.sources import PngNames, choose_out, default_out, list_sources


def png_names(root: Path, paths: list[str]) -> dict[str, str | None]:
    names = PngNames(root)
    return {path: names.of(path) for path in paths}


def touch(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"x")


def test_paths_of_a_csv_file_are_relative_to_its_folder_or_the_root(tmp_path: Path) -> None:
    (tmp_path / "films.csv").write_text("label,path\nx,b.png\ny,./a/c.png\nz,b.png\n")
    sources = list_sources(tmp_path / "films.csv")
    assert (sources.root, sources.paths) == (tmp_path, ("a/c.png", "b.png"))
    (tmp_path / "other").mkdir()
    assert list_sources(tmp_path / "films.csv", tmp_path / "other").root == tmp_path / "other"
    with pytest.raises(
        DataError, match=r"none: no such folder; expected the folder that the paths in .*films\.csv are"
    ):
        list_sources(tmp_path / "films.csv", tmp_path / "none")


@pytest.mark.parametrize("path", ["../a.png", "a/../../b.png", "/etc/a.png", "", "a/.."])
def test_paths_outside_the_root_are_refused(tmp_path: Path, path: str) -> None:
    (tmp_path / "films.csv").write_text(f'path\n"{path}"\n')
    with pytest.raises(
        DataError, match=r"films\.csv(, row 2: .* is outside of .*; give the folder|: no rows; give a CSV)"
    ):
        list_sources(tmp_path / "films.csv")


def test_unusable_input_is_refused(tmp_path: Path) -> None:
    (tmp_path / "films.csv").write_text("name\na.png\n")
    with pytest.raises(
        DataError, match="no column `path`; its columns are: name; give a CSV file with a column `path`"
    ):
        list_sources(tmp_path / "films.csv")
    with pytest.raises(KnownError, match="no such folder or CSV file"):
        list_sources(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(KnownError, match=r"holds no image; expected files ending in \.bmp"):
        list_sources(tmp_path / "empty")


def test_the_default_output_folder_is_next_to_the_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "raw").mkdir()
    assert choose_out(tmp_path / "raw", None) == tmp_path / "raw-clean"
    monkeypatch.chdir(tmp_path / "raw")
    assert choose_out(Path("."), None) == tmp_path / "raw-clean"
    assert default_out(Path(".")) == tmp_path / "raw-clean"


def test_the_default_output_folder_of_a_link_is_next_to_its_target(tmp_path: Path) -> None:
    (tmp_path / "real" / "raw").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real" / "raw")
    assert default_out(tmp_path / "link") == choose_out(tmp_path / "link", None) == tmp_path / "real" / "raw-clean"
    with pytest.raises(OutputError, match="never changed"):
        choose_out(Path("/"), None)


def test_an_output_folder_that_overlaps_the_input_is_refused(tmp_path: Path) -> None:
    (tmp_path / "raw" / "sub").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "raw")
    for out in ("raw", "raw/sub", "raw/new/deep", ".", "link", "link/x", "raw/../raw"):
        with pytest.raises(OutputError, match="which is never changed; choose a separate folder with --out"):
            choose_out(tmp_path / "raw", tmp_path / out)
    with pytest.raises(OutputError, match="never changed"):
        choose_out(tmp_path / "link", tmp_path / "raw")
    (tmp_path / "self").symlink_to("self")
    for looping in ("self", "self/out"):
        with pytest.raises(OutputError, match="is a symbolic link to itself; choose another folder"):
            choose_out(tmp_path / "raw", tmp_path / looping)
    touch(tmp_path, "file")
    with pytest.raises(OutputError, match="is a file; choose a folder"):
        choose_out(tmp_path / "raw", tmp_path / "file")


def test_png_names_never_collide(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "b.jpg", "b.tif", "c.png", "c.jpg", "d/a.JPG", "d/x.PNG")
    assert png_names(tmp_path, ["a.jpg", "b.jpg", "b.tif", "c.png", "c.jpg", "d/a.JPG", "d/x.PNG"]) == {
        "a.jpg": "a.png",
        "b.jpg": "b.jpg.png",
        "b.tif": "b.tif.png",
        "c.png": "c.png",
        "c.jpg": "c.jpg.png",
        "d/a.JPG": "d/a.png",
        "d/x.PNG": "d/x.PNG",
    }


def test_films_named_by_their_uid_get_png_names_of_their_own(tmp_path: Path) -> None:
    uids = ["1.2.840.113619.2.5.100", "1.2.840.113619.2.5.101", "1.2.840.113619.2.5", "12.5kV", "scan.v2"]
    touch(tmp_path, *uids, "x.ima", "x")
    (tmp_path / "y").mkdir()
    assert png_names(tmp_path, uids) == {uid: f"{uid}.png" for uid in uids}
    assert png_names(tmp_path, ["x.ima", "x", "y.jpg"]) == {"x.ima": "x.ima.png", "x": "x.png", "y.jpg": "y.png"}


def test_a_png_name_depends_on_the_other_files_of_the_folder_even_if_they_are_not_cleaned(tmp_path: Path) -> None:
    touch(tmp_path, "b.jpg", "b.tif")
    assert png_names(tmp_path, ["b.jpg"]) == {"b.jpg": "b.jpg.png"}


def test_a_name_that_another_film_has_is_not_given(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "a.png", "a.jpg.png")
    assert PngNames(tmp_path).of("a.jpg") is None


def test_naming_thousands_of_files_of_one_folder_is_fast(tmp_path: Path) -> None:
    names = [f"{number}.jpg" for number in range(1500)]  # comparing all pairs would take many seconds
    touch(tmp_path, *names, "7.tif")
    png = png_names(tmp_path, names)
    assert png == {name: f"{Path(name).stem}.png" for name in names} | {"7.jpg": "7.jpg.png"}
