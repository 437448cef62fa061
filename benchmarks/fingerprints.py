"""Measure how well the fingerprints of a run find copies of its films, and how often they take other films for copies.

    python benchmarks/fingerprints.py ../shared/data --films 40

Prints, for each change, the share of films whose changed copy is found: with the fingerprints alone, as after the
training films were deleted, and with the films in their folder. Then the copies of the forearm set at 224 px, the pairs
that are found between different films, and the time and bytes a film.
"""

import csv
import json
import random
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

from fxkit.index.fingerprints import (
    FINGERPRINTS_FILE,
    Fingerprints,
    compute_fingerprints,
    match_fingerprints,
    write_fingerprints,
)
from preprocess.errors import ImageError
from preprocess.folder.clean_folder import FolderOptions, clean_folder
from preprocess.images import encode_jpeg, read_grey8

Grey = NDArray[np.uint8]
LARGEST_PX = 1000


def jpeg(quality: int) -> Callable[[Grey], bytes]:
    return lambda film: encode_jpeg(film, quality)


def png(change: Callable[[Grey], Grey]) -> Callable[[Grey], bytes]:
    return lambda film: cv2.imencode(".png", np.ascontiguousarray(change(film)))[1].tobytes()


def half(film: Grey) -> Grey:
    return np.asarray(cv2.resize(film, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8)


def small(film: Grey) -> Grey:
    return np.asarray(cv2.resize(film, (224, 224), interpolation=cv2.INTER_AREA), np.uint8)


def turned(film: Grey) -> Grey:
    h, w = film.shape
    return np.asarray(cv2.warpAffine(film, cv2.getRotationMatrix2D((w / 2, h / 2), 13, 1), (w, h)), np.uint8)


def cropped(share: float) -> Callable[[Grey], Grey]:
    """Cut off this share of the height and of the width."""

    def crop(film: Grey) -> Grey:
        y, x = (round(side * share / 2) for side in film.shape)
        return film[y : film.shape[0] - y, x : film.shape[1] - x]

    return crop


def dicom(*, inverted: bool = False) -> Callable[[Grey], bytes]:
    """Write 12-bit values with noise below one grey level and a window, as MONOCHROME1 or MONOCHROME2."""

    def write(film: Grey) -> bytes:
        noise = np.random.default_rng(0).integers(0, 16, film.shape)
        values = (film.astype(np.uint16) * 16 + noise).astype(np.uint16)
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = (
            DigitalXRayImageStorageForPresentation,
            generate_uid(),
        )
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
        data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
        data.Modality, data.SamplesPerPixel, data.PixelRepresentation = "DX", 1, 0
        data.PhotometricInterpretation = "MONOCHROME1" if inverted else "MONOCHROME2"
        data.Rows, data.Columns = film.shape
        data.BitsAllocated, data.BitsStored, data.HighBit = 16, 12, 11
        data.WindowCenter, data.WindowWidth = 2048, 4096
        data.PixelData = (4095 - values if inverted else values).tobytes()
        with tempfile.TemporaryFile() as file:
            pydicom.dcmwrite(file, data, enforce_file_format=True)
            file.seek(0)
            return file.read()

    return write


CHANGES: dict[str, Callable[[Grey], bytes]] = {
    "JPEG, quality 75": jpeg(75),
    "JPEG, quality 50": jpeg(50),
    "half the size": png(half),
    "half the size, JPEG, quality 50": lambda film: encode_jpeg(half(film), 50),
    "224 x 224 px": png(small),
    "turned by 90 degrees": png(lambda film: np.rot90(film)),
    "turned by 180 degrees": png(lambda film: film[::-1, ::-1]),
    "turned by 13 degrees": png(turned),
    "mirrored": png(lambda film: film[:, ::-1]),
    "cropped by 10 %": png(cropped(0.1)),
    "cropped by 40 %": png(cropped(0.4)),
    "inverted": png(lambda film: np.asarray(255 - film, np.uint8)),
    "gamma 0.6": png(lambda film: np.round(255 * (film / 255.0) ** 0.6).astype(np.uint8)),
    "DICOM, MONOCHROME2": dicom(),
    "DICOM, MONOCHROME1": dicom(inverted=True),
}


def read_film(path: Path) -> Grey:
    film = read_grey8(path)
    scale = min(1.0, LARGEST_PX / max(film.shape))
    return np.asarray(cv2.resize(film, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def compare(others: Mapping[str, Path], known: Fingerprints, files: Mapping[str, Path]) -> list[dict[str, str]]:
    """Return the matches without and with the known films in their folder."""
    fingerprints = compute_fingerprints(others)
    return [match_fingerprints(fingerprints, known, others, there) for there in ({}, files)]


def print_found(name: str, matches: list[dict[str, str]], n_films: int, film: Callable[[str], str]) -> None:
    counts = [[sum(film(a) == film(b) for a, b in found.items()), len(found)] for found in matches]
    texts = [f"{right} of {n_films} found, {total - right} wrong" for right, total in counts]
    click.echo(f"{name}: fingerprints alone {texts[0]}; with the films {texts[1]}")


def measure_changes(known: Fingerprints, files: Mapping[str, Path], n_films: int, folder: Path) -> None:
    chosen = random.Random(5).sample(sorted(known), n_films)
    films = {name: read_film(files[name]) for name in chosen}
    for number, (change, write) in enumerate(CHANGES.items()):
        copies = {name: folder / f"{number}-{i}" for i, name in enumerate(chosen)}
        for name, path in copies.items():
            path.write_bytes(write(films[name]))
        print_found(change, compare(copies, known, files), n_films, str)


def to_coco(films: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the annotated quads as COCO polygons."""
    images = [
        {"id": i, "file_name": film["path"], "width": film["width"], "height": film["height"]}
        for i, film in enumerate(films)
    ]
    quads = [(i, np.ravel(box["quad"]).tolist()) for i, film in enumerate(films) for box in film["boxes"]]
    annotations = [
        {"id": n, "image_id": i, "category_id": 1, "segmentation": [quad]} for n, (i, quad) in enumerate(quads)
    ]
    return {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "marker"}]}


def measure_cleaned(
    data: Path, known: Fingerprints, files: Mapping[str, Path], patients: Mapping[str, str], folder: Path
) -> None:
    """Clean the forearm films by their annotated markers, and look for the raw films with the cleaned ones."""
    films = json.loads((data / "forearm" / "markers_originals.json").read_text())
    coco = folder.with_suffix(".json")
    coco.write_text(json.dumps(to_coco(films)))
    options = FolderOptions(paths=tuple(files), markers=coco)
    clean_folder(data / "forearm", folder, options)
    cleaned = {name: (folder / name).with_suffix(".png") for name in known}
    cleaned = {name: path if path.is_file() else folder / name for name, path in cleaned.items()}
    print_found("cleaned, by patient", compare(cleaned, known, files), len(known), patients.__getitem__)


def measure_strangers(known: Fingerprints, files: Mapping[str, Path], hands: Mapping[str, Path]) -> None:
    """Print the pairs that are found between FracAtlas films and forearm films, and between FracAtlas films."""
    fingerprints = compute_fingerprints(hands)
    names = sorted(fingerprints)
    a, b = ({name: fingerprints[name] for name in part} for part in (names[::2], names[1::2]))
    for title, others, base, there in (
        ("FracAtlas against forearm", fingerprints, known, files),
        ("FracAtlas, odd against even films", b, a, hands),
    ):
        for way, base_files in (("fingerprints alone", {}), ("with the films", there)):
            found = match_fingerprints(others, base, hands, base_files)
            pairs = " ".join(f"{Path(x).stem[-4:]}={Path(y).stem[-4:]}" for x, y in sorted(found.items()))
            click.echo(f"{title}, {way}: {len(found)} of {len(others)} taken for copies: {pairs}")


def read_forearm(data: Path) -> tuple[dict[str, Path], dict[str, Path], dict[str, str]]:
    """Return the originals and the copies by their path in the table, and the patient of each."""
    with (data / "forearm" / "patients.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    files = {row["path"]: data / "forearm" / row["path"] for row in rows}
    originals = {name: path for name, path in files.items() if "-rot" not in name}
    copies = {name: path for name, path in files.items() if "-rot" in name}
    return originals, copies, {row["path"]: row["patient"] for row in rows}


@click.command(help=__doc__)
@click.argument("data", type=click.Path(path_type=Path, exists=True))
@click.option("--films", type=int, default=40, show_default=True, help="Forearm films that are changed.")
@click.option("--copies", type=int, default=300, show_default=True, help="Forearm copies at 224 px.")
@click.option("--hands", type=int, default=2, show_default=True, help="Take every n-th FracAtlas film.")
def main(data: Path, films: int, copies: int, hands: int) -> None:
    originals, all_copies, patients = read_forearm(data)
    start = time.perf_counter()
    known = compute_fingerprints(originals)
    click.echo(f"{1000 * (time.perf_counter() - start) / len(known):.0f} ms a film, {len(known)} films")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_fingerprints(folder, {f"{i:064d}": film for i, film in enumerate(known.values())})
        click.echo(f"{(folder / FINGERPRINTS_FILE).stat().st_size / len(known):.0f} bytes a film")
        measure_changes(known, originals, films, folder)
        measure_cleaned(data, known, originals, patients, folder / "cleaned")
    chosen = {name: all_copies[name] for name in random.Random(5).sample(sorted(all_copies), copies)}
    print_found("forearm copies", compare(chosen, known, originals), copies, patients.__getitem__)
    paths = sorted((data / "fracatlas_hand").rglob("*.jpg"))[::hands]
    measure_strangers(known, originals, {str(path): path for path in paths if is_readable(path)})


def is_readable(path: Path) -> bool:
    try:
        read_grey8(path)
    except ImageError:
        return False
    return True


if __name__ == "__main__":
    main()
