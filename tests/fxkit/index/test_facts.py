"""Facts of files whose true values are known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fxkit.index.facts import FileFacts, facts_of, jpeg_quality
from preprocess.errors import ImageError
from preprocess.images import decode_image, open_picture, write_image


def facts(folder: Path, image: np.ndarray, name: str = "film.png") -> FileFacts:
    write_image(folder / name, image)
    return read_facts(folder, name)


def read_facts(folder: Path, name: str) -> FileFacts:
    data = (folder / name).read_bytes()
    return facts_of(name, data, decode_image(name, data))


def test_a_film_with_a_frame(tmp_path: Path) -> None:
    image = np.full((100, 200), 102, np.uint8)
    image[:2] = image[-2:] = 0
    image[:, :2] = image[:, -2:] = 0
    image[50, 50:150] = 255
    fact = facts(tmp_path, image)
    assert (fact.format, fact.width, fact.height, fact.aspect) == ("PNG", 200, 100, 2.0)
    assert (fact.bits, fact.channels, fact.jpeg_quality, fact.tagged, fact.software) == (
        8,
        1,
        None,
        False,
        "",
    )
    assert fact.size_bytes == (tmp_path / "film.png").stat().st_size
    assert (fact.border_black, fact.border_constant) == (1.0, 1.0)
    assert fact.black == pytest.approx(1 - 96 * 196 / 20000, abs=1e-4)
    assert fact.saturated == 100 / 20000
    assert (fact.median, fact.p1, fact.p99) == (0.4, 0.0, 0.4)
    assert fact.mean == pytest.approx(image.mean() / 255, abs=1e-4)


def test_a_turned_film_has_black_corners(tmp_path: Path) -> None:
    plain = np.full((100, 100), 128, np.uint8)
    turned = np.where(np.add.outer(np.arange(100), np.arange(100)) < 10, 0, plain).astype(np.uint8)
    assert facts(tmp_path, plain).corner_black == 0
    assert facts(tmp_path, turned).corner_black == 0.25


def test_a_border_with_a_gradient_is_not_constant(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(10, 250, 100).astype(np.uint8), (100, 1))
    fact = facts(tmp_path, ramp)
    assert fact.border_black == 0
    assert fact.border_constant < 0.4


@pytest.mark.parametrize(("top", "bits"), [(1023, 10), (4095, 12), (16383, 14), (65535, 16)])
def test_bit_depth_and_full_scale(tmp_path: Path, top: int, bits: int) -> None:
    image = np.full((20, 20), top // 2, np.uint16)
    image[5, 5] = top
    fact = facts(tmp_path, image)
    assert fact.bits == bits
    assert fact.median == pytest.approx(0.5, abs=0.01)


def test_a_colour_image_has_three_channels(tmp_path: Path) -> None:
    assert facts(tmp_path, np.zeros((8, 8, 3), np.uint8)).channels == 3


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("quality", [1, 10, 50, 75, 90, 95, 100])
def test_the_quality_of_a_jpeg_is_read_from_its_tables(tmp_path: Path, quality: int, mode: str) -> None:
    Image.new(mode, (16, 16)).save(tmp_path / "film.jpg", quality=quality)
    fact = read_facts(tmp_path, "film.jpg")
    assert (fact.format, fact.jpeg_quality) == ("JPEG", quality)


def test_a_table_of_another_scale_gives_the_nearest_quality() -> None:
    assert jpeg_quality([1] * 64) == 100
    assert jpeg_quality([255] * 64) < 10
    assert jpeg_quality([0] * 64) == 100  # a damaged table: steps are never 0


def test_the_software_that_wrote_a_file_is_read(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[305] = "Scan  Station\n<2>"
    Image.new("L", (16, 16)).save(tmp_path / "film.jpg", exif=exif)
    fact = read_facts(tmp_path, "film.jpg")
    assert (fact.tagged, fact.software) == (True, "Scan Station <2>")


def test_a_file_that_is_not_an_image_is_refused() -> None:
    with pytest.raises(ImageError, match=r"film.png: not an image; expected PNG"):
        open_picture("film.png", b"none")


def test_small_images_have_facts(tmp_path: Path) -> None:
    one = facts(tmp_path, np.full((1, 1), 255, np.uint8))
    assert (one.saturated, one.border_constant, one.corner_black) == (1.0, 1.0, 0.0)
    assert replace(one, width=3).aspect == 3


def test_dicom_films_have_facts(shared_data: Path) -> None:
    pytest.importorskip("pydicom")
    root = shared_data / "dicom"
    facts_of_films = [read_facts(root, f"WG04_RG{n}_J2KI.dcm") for n in (1, 2, 3)]
    assert {(fact.format, fact.jpeg_quality) for fact in facts_of_films} == {("DICOM", None)}
    assert all(8 <= fact.bits <= 16 for fact in facts_of_films)
    assert facts_of_films[0].software == "Philips Medical Systems Cassette Holder Type 9840 500 70201"
