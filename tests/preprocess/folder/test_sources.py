from pathlib import Path

import pytest

from preprocess.errors import KnownError, OutputError
from preprocess.folder.sources import PngNames, choose_out, default_out, list_sources


def png_names(root: Path, paths: list[str]) -> dict[str, str | None]:
    names = PngNames(root)
    return {path: names.of(path) for path in paths}


def touch(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"x")


def test_a_csv_names_files_relative_to_itself_or_the_root(tmp_path: Path) -> None:
    (tmp_path / "films.csv").write_text("label,path\nx,b.png\ny,./a/c.png\nz,b.png\n")
    sources = list_sources(tmp_path / "films.csv")
    assert (sources.root, sources.paths) == (tmp_path, ("a/c.png", "b.png"))
    assert list_sources(tmp_path / "films.csv", tmp_path / "other").root == tmp_path / "other"


@pytest.mark.parametrize("path", ["../a.png", "a/../../b.png", "/etc/a.png", "", "a/.."])
def test_paths_that_lead_out_are_refused(tmp_path: Path, path: str) -> None:
    (tmp_path / "films.csv").write_text(f'path\n"{path}"\n')
    with pytest.raises(KnownError, match=r"films\.csv: (path .* leads out of the image root|no image)"):
        list_sources(tmp_path / "films.csv")


def test_unusable_data_are_told(tmp_path: Path) -> None:
    (tmp_path / "films.csv").write_text("file\na.png\n")
    with pytest.raises(KnownError, match="its columns are file; expected one named `path`"):
        list_sources(tmp_path / "films.csv")
    with pytest.raises(KnownError, match="no such folder or CSV file"):
        list_sources(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(KnownError, match=r"no image; expected files ending in \.bmp"):
        list_sources(tmp_path / "empty")


def test_the_default_output_lies_beside_the_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "raw").mkdir()
    assert choose_out(tmp_path / "raw", None) == tmp_path / "raw-clean"
    monkeypatch.chdir(tmp_path / "raw")
    assert choose_out(Path("."), None) == tmp_path / "raw-clean"
    assert default_out(Path(".")) == tmp_path / "raw-clean"


def test_the_default_output_of_a_link_lies_beside_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "real" / "raw").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real" / "raw")
    assert default_out(tmp_path / "link") == choose_out(tmp_path / "link", None) == tmp_path / "real" / "raw-clean"
    with pytest.raises(OutputError, match="never changed"):
        choose_out(Path("/"), None)


def test_an_output_that_touches_the_input_is_refused(tmp_path: Path) -> None:
    (tmp_path / "raw" / "sub").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "raw")
    for out in ("raw", "raw/sub", "raw/new/deep", ".", "link", "link/x", "raw/../raw"):
        with pytest.raises(OutputError, match="which is never changed; choose a folder apart from it with --out"):
            choose_out(tmp_path / "raw", tmp_path / out)
    with pytest.raises(OutputError, match="never changed"):
        choose_out(tmp_path / "link", tmp_path / "raw")
    (tmp_path / "self").symlink_to("self")
    with pytest.raises(OutputError, match=r"a link that leads to itself|is a file"):
        choose_out(tmp_path / "raw", tmp_path / "self" / "out")
    touch(tmp_path, "file")
    with pytest.raises(OutputError, match="is a file; choose a folder"):
        choose_out(tmp_path / "raw", tmp_path / "file")


def test_names_of_pngs_never_meet(tmp_path: Path) -> None:
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


def test_a_name_depends_on_what_lies_beside_it_even_if_that_is_not_cleaned(tmp_path: Path) -> None:
    touch(tmp_path, "b.jpg", "b.tif")
    assert png_names(tmp_path, ["b.jpg"]) == {"b.jpg": "b.jpg.png"}


def test_no_name_is_given_that_another_source_has(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "a.png", "a.jpg.png")
    assert PngNames(tmp_path).of("a.jpg") is None


def test_names_of_thousands_beside_each_other_are_soon_made(tmp_path: Path) -> None:
    names = [f"{number}.jpg" for number in range(1500)]  # many seconds, were each compared with every other
    touch(tmp_path, *names, "7.tif")
    made = png_names(tmp_path, names)
    assert made == {name: f"{Path(name).stem}.png" for name in names} | {"7.jpg": "7.jpg.png"}
