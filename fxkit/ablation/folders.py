"""Write the films of the arms: a folder an arm, with the manifest's relative paths, so that every arm is paired."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import joblib
import numpy as np

from fxkit.ablation.arms import (
    ARMS,
    Grey,
    Patch,
    Places,
    clip_to_rest,
    cut_background,
    cut_markers,
    move_mask,
    only_markers,
    paste,
)
from fxkit.data.dataset import image_place, mix_seed
from fxkit.data.manifest import Record, manifest_hash, usable
from fxkit.known_markers import KnownMarkers, read_known_markers
from fxkit.run import read_json, write_json
from preprocess.film import fill
from preprocess.images import MAX_PIXELS, read_image, to_grey8, write_image
from preprocess.mask import Mask

MADE = tuple(arm for arm in ARMS if arm not in ("raw", "cleaned"))  # the others are there already
STAMP = "arms.json"
VERSION = 1  # of how the films are made


@dataclass(frozen=True)
class Donors:
    """A film, and those of another class and of its own whose markers are pasted into it; "" where there is none."""

    path: str
    other: str
    same: str


@dataclass(frozen=True)
class _Source:
    raw_root: Path
    cleaned_root: Path
    out: Path
    known: KnownMarkers
    seed: int
    max_pixels: int


def write_arms(
    raw_root: Path,
    cleaned_root: Path,
    records: Sequence[Record],
    out: Path,
    *,
    seed: int = 0,
    jobs: int = 1,
    max_pixels: int = MAX_PIXELS,
    on_film: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Path]:
    """Write the films of all arms below out and return each arm's image root, those of raw and cleaned films too.

    Films that an interrupted call with the same records and seed wrote are kept.

    Args:
        records: their films are in both roots.
        seed: of the places of the control's masks, and of whose markers are pasted where.
        on_film: called with how many films are done, and of how many.
    Raises:
        ImageError: a film cannot be read any more.
        OutputError: out cannot be written.
    """
    made = {"version": VERSION, "sha256": manifest_hash(records), "seed": seed, "cleaned": str(cleaned_root.resolve())}
    goes_on = (out / STAMP).is_file() and read_json(out / STAMP) == made
    write_json(out / STAMP, made)
    source = _Source(raw_root, cleaned_root, out, read_known_markers(cleaned_root), seed, max_pixels)
    donors = choose_donors(records, source.known, seed)
    jobs_done = joblib.Parallel(n_jobs=jobs, return_as="generator")(
        joblib.delayed(_write_film)(source, film, goes_on) for film in donors
    )
    for done, _ in enumerate(jobs_done, 1):
        on_film(done, len(donors))
    return {"raw": raw_root, "cleaned": cleaned_root} | {arm: out / arm for arm in MADE}


def choose_donors(records: Sequence[Record], known: KnownMarkers, seed: int) -> list[Donors]:
    """Give each film one of another class and one of its own, of other groups, that bear markers.

    They are drawn by the film's name and the seed.
    """
    good = sorted(usable(records), key=lambda r: r.path)
    marked = [r for r in good if (found := known.find(r.path)) and found.markers]
    drawn = []
    for record in good:
        rng = np.random.default_rng(_seed_of(record.path, seed))
        others = [r.path for r in marked if r.label != record.label and r.group != record.group]
        own = [r.path for r in marked if r.label == record.label and r.group != record.group]
        drawn.append(Donors(record.path, *(_draw(paths, rng) for paths in (others, own))))
    return drawn


def _draw(paths: Sequence[str], rng: np.random.Generator) -> str:
    return paths[int(rng.integers(len(paths)))] if paths else ""


def _seed_of(path: str, seed: int) -> int:
    return mix_seed(seed, *path.encode("utf-8", "surrogateescape"))


def _write_film(source: _Source, film: Donors, goes_on: bool) -> None:
    """Write one film of each arm; the last one written tells that all are there."""
    places = {arm: source.out / arm / f"{film.path}.png" for arm in MADE}
    if goes_on and places[MADE[-1]].is_file():
        return
    for arm, image in make_films(source, film).items():
        write_image(places[arm], image)


def make_films(source: _Source, film: Donors) -> dict[str, Grey]:
    """Return the film of each arm that is to be made, (H, W) uint8, in the order of MADE."""
    raw, cleaned, mask = _read(source, film.path)
    control, _ = _control(source, film.path, raw, cleaned, mask)
    marks, background = _patches(source, film.other) if film.other else ([], [])
    own_marks, _ = _patches(source, film.same) if film.same else ([], [])
    return {
        "control": control,
        "clipped": clip_to_rest(raw, mask),
        "markers": only_markers(raw, mask),
        "inserted": paste(raw, marks),
        "inserted-patch": paste(raw, background),
        "swapped": paste(cleaned, marks),
        "swapped-patch": paste(cleaned, background),
        "swapped-same": paste(cleaned, own_marks),
    }


def _patches(source: _Source, path: str) -> tuple[list[Patch], list[Patch]]:
    raw, cleaned, mask = _read(source, path)
    control, places = _control(source, path, raw, cleaned, mask)
    return cut_markers(raw, cleaned, mask), cut_background(raw, control, places)


def _control(source: _Source, path: str, raw: Grey, cleaned: Grey, mask: Mask) -> tuple[Grey, Places]:
    moved, places = move_mask(cleaned, mask, _seed_of(path, source.seed))
    return to_grey8(fill(raw, moved, source.known.settings.mode)), places


def _read(source: _Source, path: str) -> tuple[Grey, Grey, Mask]:
    """Return a film, the same without markers, and the mask of what was erased: (H, W) uint8, uint8, bool."""
    raw, cleaned = (
        to_grey8(read_image(image_place(root).find(path), max_pixels=source.max_pixels))
        for root in (source.raw_root, source.cleaned_root)
    )
    mask = source.known.mask(path)
    return raw, cleaned, np.zeros(raw.shape, bool) if mask is None else mask
