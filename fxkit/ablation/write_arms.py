"""Write the films of the arms: a folder for each arm, with the relative paths of the manifest."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from joblib import delayed

from fxkit.ablation.arms import (
    ARMS,
    Grey,
    Moves,
    Patch,
    clip_to_rest,
    cut_background,
    cut_markers,
    keep_markers,
    move_mask,
    paste,
)
from fxkit.ablation.parts import name_parts
from fxkit.data.image_root import ImageRoot, open_image_root
from fxkit.data.manifest import Record, manifest_hash, usable
from fxkit.data.seeds import mix_seed
from fxkit.models.run_folder import read_json, write_json
from preprocess.clean_image import fill
from preprocess.image_files import MAX_PIXELS
from preprocess.images import read_image, to_grey8, write_image
from preprocess.inpainting.jpeg_blocks import whole_blocks
from preprocess.known_markers import KnownMarkers, read_known_markers
from preprocess.mask import Mask
from preprocess.workers import run_tasks

PASTED = tuple(arm for arm in ARMS if arm.startswith(("inserted", "swapped")))  # with markers of other films

UNPASTED = tuple(arm for arm in ARMS if arm not in ("raw", "cleaned", *PASTED))  # raw and cleaned exist already

SOURCE = "arms.json"  # from which records and settings the films were written

VERSION = 3  # changes when the films of an arm are made differently

Roots = dict[str, Path]  # arm -> image root


@dataclass(frozen=True)
class Donors:
    """The films whose markers are pasted into a film.

    Attributes:
        path: path of the film that receives the markers.
        other: path of a donor of another class; "" for none.
        same: path of a donor of the same class; "" for none.
    """

    path: str
    other: str
    same: str


@dataclass(frozen=True)
class ArmOptions:
    """Which arms are written, and how.

    Attributes:
        folds: number of folds of the ablation; 0 uses the split of the records.
        seeds: seeds of the ablation.
        pasted: which arms with pasted markers to write.
        controls: draw new positions for the arm control for each seed. False: all seeds share the same films.
        jobs: number of processes.
        max_pixels: films with more pixels are refused.
    """

    folds: int
    seeds: Sequence[int]
    pasted: tuple[str, ...] = PASTED
    controls: bool = False
    jobs: int = 1
    max_pixels: int = MAX_PIXELS


@dataclass(frozen=True)
class _Source:
    """Where films come from and where they are written, for the processes that write them.

    Attributes:
        reuse: keep the films that exist already.
    """

    raw: ImageRoot
    cleaned: ImageRoot
    out: Path
    known: KnownMarkers
    max_pixels: int
    pasted: tuple[str, ...]
    reuse: bool

    def file(self, arm: str, path: str) -> Path:
        """Return the file of a film in an arm."""
        return self.out / arm / f"{path}.png"


def write_arms(
    raw_root: Path,
    cleaned_root: Path,
    records: Sequence[Record],
    out: Path,
    options: ArmOptions,
    *,
    on_film: Callable[[int, int], None] = lambda done, total: None,
) -> dict[int, Roots]:
    """Write the films of all arms below out; return the image root of each arm for each seed.

    Films that an interrupted call with the same records and settings wrote are kept. Arms with pasted markers are
    written for each seed, because folds and donors depend on it. The other arms are the same for all seeds, but for
    the arm control if the options say so.

    Args:
        records: their films are in both roots.
        on_film: called with the number of films written and their total.
    Raises:
        ImageError: a film can no longer be read.
        OutputError: out cannot be written.
    """
    source = _open_source(raw_root, cleaned_root, records, out, options)
    unpasted = [delayed(_write_unpasted)(source, r.path) for r in usable(records)]
    redrawn = tuple(options.seeds[1:]) if options.controls else ()
    unpasted += [delayed(_write_control)(source, r.path, seed) for seed in redrawn for r in usable(records)]
    pasted = []
    for seed in options.seeds if options.pasted else ():
        parts = name_parts(records, options.folds, seed)
        donors = choose_donors(records, source.known, seed, parts)
        pasted += [delayed(_write_pasted)(source, film, seed) for film in donors]
    done = 0
    for step in (unpasted, pasted):  # in this order, because pasting reads the films of the arm control
        for _ in run_tasks(options.jobs, step):
            done += 1
            on_film(done, len(unpasted) + len(pasted))
    shared = {"raw": raw_root, "cleaned": cleaned_root} | {arm: out / arm for arm in UNPASTED}
    own = {seed: [*options.pasted, *(["control"] if seed in redrawn else [])] for seed in options.seeds}
    return {seed: shared | {arm: out / _name(arm, seed) for arm in arms} for seed, arms in own.items()}


def _open_source(
    raw_root: Path, cleaned_root: Path, records: Sequence[Record], out: Path, options: ArmOptions
) -> _Source:
    """Record the manifest and settings that the films depend on; if both are unchanged, existing films are reused."""
    cleaned = str(cleaned_root.resolve())
    digest = manifest_hash(records)
    described = {"version": VERSION, "sha256": digest, "folds": options.folds, "cleaned": cleaned}
    reuse = (out / SOURCE).is_file() and read_json(out / SOURCE) == described
    write_json(out / SOURCE, described)
    raw, cleaned_films = open_image_root(raw_root), open_image_root(cleaned_root)  # reads a ledger only once
    return _Source(raw, cleaned_films, out, read_known_markers(cleaned_root), options.max_pixels, options.pasted, reuse)


def _name(arm: str, seed: int) -> str:
    """Return the folder name of an arm whose films depend on the seed."""
    return f"{arm}-seed{seed}"


def choose_donors(records: Sequence[Record], known: KnownMarkers, seed: int, parts: Mapping[str, str]) -> list[Donors]:
    """Choose for each film a donor of another class and a donor of the same class, both with markers.

    Donors are in the same part as the film, so the tested model was not trained on them: a model that has memorised a
    marker together with its film's class would recognise it even if markers in general did not reveal the class. Donors
    are of other groups. If one of the two donors is missing, the film gets neither, so that both arms are compared on
    the same films. The path of the film and the seed determine the choice.

    Args:
        parts: path -> part, as `name_parts` returns it.
    """
    good = sorted(usable(records), key=lambda r: r.path)
    marked = [r for r in good if (film := known.find(r.path)) and film.markers]
    donors = []
    for record in good:
        rng = np.random.default_rng(mix_seed(seed, *_letters(record.path)))
        part = [r for r in marked if parts[r.path] == parts[record.path] and r.group != record.group]
        other = [r.path for r in part if r.label != record.label]
        same = [r.path for r in part if r.label == record.label]
        pair = (_draw(other, rng), _draw(same, rng)) if other and same else ("", "")
        donors.append(Donors(record.path, *pair))
    return donors


def _draw(paths: Sequence[str], rng: np.random.Generator) -> str:
    return paths[int(rng.integers(len(paths)))]


def _letters(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")


def _write_unpasted(source: _Source, path: str) -> None:
    """Write a film of each arm of UNPASTED. If the file of the last arm exists, all of them do."""
    if source.reuse and source.file(UNPASTED[-1], path).is_file():
        return
    raw, cleaned, mask = _read(source, path)
    moved, _ = _move(path, cleaned, mask)
    films = {
        "control": to_grey8(fill(raw, moved, source.known.settings.mode)),
        "clipped": clip_to_rest(raw, mask),
        "markers": keep_markers(raw, mask),
    }
    for arm in UNPASTED:
        write_image(source.file(arm, path), films[arm])


def _write_control(source: _Source, path: str, seed: int) -> None:
    """Write a film of the arm control with other positions than those of `_write_unpasted`."""
    file = source.file(_name("control", seed), path)
    if source.reuse and file.is_file():
        return
    raw, cleaned, mask = _read(source, path)
    moved, _ = _move(path, cleaned, mask, seed + 1)
    write_image(file, to_grey8(fill(raw, moved, source.known.settings.mode)))


def _write_pasted(source: _Source, film: Donors, seed: int) -> None:
    """Write a film of each arm with pasted markers. If the file of the last arm exists, all of them do."""
    if source.reuse and source.file(_name(source.pasted[-1], seed), film.path).is_file():
        return
    raw, cleaned, _ = _read(source, film.path)
    other = cut_markers(*_read(source, film.other)) if film.other else []
    same = cut_markers(*_read(source, film.same)) if film.same else []
    background = _background(source, film.other) if film.other and "swapped-patch" in source.pasted else []
    pasted = {
        "inserted": (raw, other),
        "inserted-patch": (raw, background),
        "swapped": (cleaned, other),
        "swapped-patch": (cleaned, background),
        "swapped-same": (cleaned, same),
    }
    for arm in source.pasted:
        write_image(source.file(_name(arm, seed), film.path), paste(*pasted[arm]))


def _background(source: _Source, path: str) -> list[Patch]:
    raw, cleaned, mask = _read(source, path)
    _, moves = _move(path, cleaned, mask)
    control = to_grey8(read_image(source.file("control", path), max_pixels=source.max_pixels))
    return cut_background(raw, control, moves)


def _move(path: str, cleaned: Grey, mask: Mask, seed: int = 0) -> tuple[Mask, Moves]:
    """Move the mask of a film; the same film and seed always give the same shifts."""
    return move_mask(cleaned, mask, mix_seed(seed, *_letters(path)))


def _read(source: _Source, path: str) -> tuple[Grey, Grey, Mask]:
    """Return a raw film and its cleaned film, both (H, W) uint8, and the (H, W) mask of the erased pixels."""
    raw, cleaned = (
        to_grey8(read_image(images.find(path), max_pixels=source.max_pixels)) for images in (source.raw, source.cleaned)
    )
    mask = source.known.mask(path)
    return raw, cleaned, np.zeros(raw.shape, bool) if mask is None else find_erased(raw, cleaned, mask)


def find_erased(raw: Grey, cleaned: Grey, mask: Mask) -> Mask:
    """Return the mask of the markers, extended by the changed pixels of the JPEG blocks that it touches."""
    return np.asarray(mask | (whole_blocks(mask) & (raw != cleaned)))
