"""Write the films of the arms: a folder an arm, with the manifest's relative paths, so that every arm is paired."""

from collections.abc import Callable, Mapping, Sequence
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
from fxkit.ablation.learning import part_names
from fxkit.data.dataset import ImageRoot, mix_seed, open_image_root
from fxkit.data.manifest import Record, manifest_hash, usable
from fxkit.models.run_folder import read_json, write_json
from preprocess.clean_image import fill
from preprocess.image_files import MAX_PIXELS
from preprocess.images import read_image, to_grey8, write_image
from preprocess.inpainting.jpeg_blocks import whole_blocks
from preprocess.known_markers import KnownMarkers, read_known_markers
from preprocess.mask import Mask

PASTED = tuple(arm for arm in ARMS if arm.startswith(("inserted", "swapped")))  # these bear other films' markers

OWN = tuple(arm for arm in ARMS if arm not in ("raw", "cleaned", *PASTED))  # raw and cleaned are there already

STAMP = "arms.json"

VERSION = 3  # of how the films are made

Roots = dict[str, Path]  # arm -> image root


@dataclass(frozen=True)
class Donors:
    """A film, and those of another class and of its own whose markers are pasted into it; "" where there is none."""

    path: str
    other: str
    same: str


@dataclass(frozen=True)
class _Source:
    raw: ImageRoot
    cleaned: ImageRoot
    out: Path
    known: KnownMarkers
    max_pixels: int
    pasted: tuple[str, ...]

    def place(self, arm: str, path: str) -> Path:
        return self.out / arm / f"{path}.png"


def write_arms(
    raw_root: Path,
    cleaned_root: Path,
    records: Sequence[Record],
    out: Path,
    *,
    folds: int,
    seeds: Sequence[int],
    pasted: tuple[str, ...] = PASTED,
    jobs: int = 1,
    max_pixels: int = MAX_PIXELS,
    on_film: Callable[[int, int], None] = lambda done, total: None,
) -> dict[int, Roots]:
    """Write the films of all arms below out and return, for each seed, each arm's image root.

    Films that an interrupted call with the same records and settings wrote are kept. Films with others' markers in them
    are made for each seed, as folds and donors differ; the other arms are the same for all.

    Args:
        records: their films are in both roots.
        folds, seeds: of the ablation: 0 for the records' own split.
        pasted: which of the arms with others' markers are made.
        on_film: called with how many films are done, and of how many.
    Raises:
        ImageError: a film cannot be read any more.
        OutputError: out cannot be written.
    """
    cleaned = str(cleaned_root.resolve())
    made = {"version": VERSION, "sha256": manifest_hash(records), "folds": folds, "cleaned": cleaned}
    goes_on = (out / STAMP).is_file() and read_json(out / STAMP) == made
    write_json(out / STAMP, made)
    places = (
        open_image_root(raw_root),
        open_image_root(cleaned_root),
    )  # here, so that a ledger is not read for every film
    source = _Source(*places, out, read_known_markers(cleaned_root), max_pixels, pasted)
    paths = [r.path for r in usable(records)]
    work = [joblib.delayed(_write_own)(source, path, goes_on) for path in paths]
    pasting = []  # after the others, as it reads the control's films
    for seed in seeds if pasted else ():
        donors = choose_donors(records, source.known, seed, part_names(records, folds, seed))
        pasting += [joblib.delayed(_write_pasted)(source, film, seed, goes_on) for film in donors]
    done = 0
    for step in (work, pasting):
        for _ in joblib.Parallel(n_jobs=jobs, return_as="generator")(step):
            done += 1
            on_film(done, len(work) + len(pasting))
    shared = {"raw": raw_root, "cleaned": cleaned_root} | {arm: out / arm for arm in OWN}
    return {seed: shared | {arm: out / _of_seed(arm, seed) for arm in pasted} for seed in seeds}


def _of_seed(arm: str, seed: int) -> str:
    return f"{arm}-seed{seed}"


def choose_donors(
    records: Sequence[Record], known: KnownMarkers, seed: int, together: Mapping[str, str]
) -> list[Donors]:
    """Give each film one of another class and one of its own that bear markers, tested with it, of other groups.

    A film that the tested model was trained on must not lend its markers: a model that knows that very marker by heart
    tells its film's class even where markers tell nothing of classes. Where one of the two is missing, both are, so
    that what the two cost is compared on the same films. They are drawn by the film's name and the seed.

    Args:
        together: path -> part, as `part_names` returns it.
    """
    good = sorted(usable(records), key=lambda r: r.path)
    marked = [r for r in good if (found := known.find(r.path)) and found.markers]
    drawn = []
    for record in good:
        rng = np.random.default_rng(mix_seed(seed, *_letters(record.path)))
        part = [r for r in marked if together[r.path] == together[record.path] and r.group != record.group]
        others = [r.path for r in part if r.label != record.label]
        own = [r.path for r in part if r.label == record.label]
        pair = (_draw(others, rng), _draw(own, rng)) if others and own else ("", "")
        drawn.append(Donors(record.path, *pair))
    return drawn


def _draw(paths: Sequence[str], rng: np.random.Generator) -> str:
    return paths[int(rng.integers(len(paths)))]


def _letters(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")


def _write_own(source: _Source, path: str, goes_on: bool) -> None:
    """Write one film of each of OWN; the last one written tells that all are there."""
    if goes_on and source.place(OWN[-1], path).is_file():
        return
    raw, cleaned, mask = _read(source, path)
    moved, _ = _moved(path, cleaned, mask)
    films = {
        "control": to_grey8(fill(raw, moved, source.known.settings.mode)),
        "clipped": clip_to_rest(raw, mask),
        "markers": only_markers(raw, mask),
    }
    for arm in OWN:
        write_image(source.place(arm, path), films[arm])


def _write_pasted(source: _Source, film: Donors, seed: int, goes_on: bool) -> None:
    """Write one film of each of PASTED; the last one written tells that all are there."""
    if goes_on and source.place(_of_seed(source.pasted[-1], seed), film.path).is_file():
        return
    raw, cleaned, _ = _read(source, film.path)
    marks = _marks(source, film.other) if film.other else []
    own_marks = _marks(source, film.same) if film.same else []
    background = _background(source, film.other) if film.other and "swapped-patch" in source.pasted else []
    added = {
        "inserted": (raw, marks),
        "inserted-patch": (raw, background),
        "swapped": (cleaned, marks),
        "swapped-patch": (cleaned, background),
        "swapped-same": (cleaned, own_marks),
    }
    for arm in source.pasted:
        write_image(source.place(_of_seed(arm, seed), film.path), paste(*added[arm]))


def _marks(source: _Source, path: str) -> list[Patch]:
    return cut_markers(*_read(source, path))


def _background(source: _Source, path: str) -> list[Patch]:
    raw, cleaned, mask = _read(source, path)
    _, places = _moved(path, cleaned, mask)
    control = to_grey8(read_image(source.place("control", path), max_pixels=source.max_pixels))
    return cut_background(raw, control, places)


def _moved(path: str, cleaned: Grey, mask: Mask) -> tuple[Mask, Places]:
    return move_mask(cleaned, mask, mix_seed(0, *_letters(path)))


def _read(source: _Source, path: str) -> tuple[Grey, Grey, Mask]:
    """Return a film, the same without markers, and the mask of what was erased: (H, W) uint8, uint8, bool."""
    raw, cleaned = (
        to_grey8(read_image(place.find(path), max_pixels=source.max_pixels)) for place in (source.raw, source.cleaned)
    )
    mask = source.known.mask(path)
    return raw, cleaned, np.zeros(raw.shape, bool) if mask is None else erased(raw, cleaned, mask)


def erased(raw: Grey, cleaned: Grey, mask: Mask) -> Mask:
    """Return the mask of a film's markers and, as far as it changed, the rest of JPEG's blocks that they touch."""
    return np.asarray(mask | (whole_blocks(mask) & (raw != cleaned)))
