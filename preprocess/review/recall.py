"""Estimate how many markers a cleaned folder still bears, from a random sample of films that a person judged.

The films are chosen at random, not by doubt. A person first sees the cleaned film alone and draws what is left on it,
and only then sees the film before cleaning with the markers that were found. So what the network found neither tells
the person where to look nor distracts from what it missed.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import NormalDist

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict
from scipy import stats

from preprocess.clean_image import build_mask
from preprocess.errors import OutputError
from preprocess.files import write_atomic
from preprocess.json_files import describe_error, parse_json
from preprocess.markers import Marker, Quad, quad_area
from preprocess.mask import marker_mask
from preprocess.settings import SETTINGS_FILE, CleanSettings
from preprocess.words import amount

RECALL_FILE = "recall.json"

LEVEL = 0.95

COVERED = 0.9  # part of a marker under the mask, from which on it counts as found

SAME = 0.5  # part of the smaller of two quads that lies in the other, from which on they are the same marker


class Stored(BaseModel):
    """A part of recall.json."""

    model_config = ConfigDict(extra="ignore")


class Share(Stored):
    """A share with its 95 % interval; None where there is nothing to divide by."""

    value: float | None = None
    low: float | None = None
    high: float | None = None


class SampledFilm(Stored):
    """A film of the sample.

    Attributes:
        left: what a person saw on the cleaned film before the markers that were found were shown; None before that.
        network: quad and style of the markers that had been erased.
        judged: whether the person then judged the film as a whole, so that the counts hold.
        found, missed: markers that had been erased, and markers that had not. Plates are not counted.
        false: erased regions that are no markers.
    """

    path: str
    left: list[Quad] | None = None
    network: list[tuple[Quad, str]] = []
    judged: bool = False
    found: int = 0
    missed: int = 0
    false: int = 0


class FilmCounts(Stored):
    """Judged films, those of them that still bore a marker, and their share with its exact binomial interval."""

    judged: int = 0
    with_missed: int = 0
    share: Share = Share()


class MarkerCounts(Stored):
    """Markers on the judged films, and the share that was missed; its interval has the film as the unit."""

    found: int = 0
    missed: int = 0
    false: int = 0
    share_missed: Share = Share()


class Recall(Stored):
    """What recall.json holds.

    Attributes:
        seed: seed of the sample.
        population: films that the sample was drawn from: all but those that failed, and those that a person had judged
            outside the sample.
        folder: films of the folder that did not fail.
        cleaned_with: hash of how the folder was cleaned; see `hash_cleaning`.
        sample: the films of the sample, in random order.
    """

    seed: int
    population: int
    folder: int
    cleaned_with: str
    films: FilmCounts = FilmCounts()
    markers: MarkerCounts = MarkerCounts()
    sample: list[SampledFilm] = []

    @property
    def is_complete(self) -> bool:
        """Whether all films of the sample were judged."""
        return bool(self.sample) and all(film.judged for film in self.sample)


def draw_sample(paths: Iterable[str], size: int, seed: int) -> list[str]:
    """Return `size` of the paths at random. A larger sample with the same seed begins with the smaller one."""
    return sorted(paths, key=lambda path: hashlib.sha256(f"{seed}\n{path}".encode("utf-8", "surrogatepass")).digest())[
        :size
    ]


def count_markers(film: SampledFilm, final: Sequence[Marker], shape: tuple[int, int], settings: CleanSettings) -> None:
    """Count what was found and missed on a film, given all its markers as a person left them.

    A marker was missed if the person saw it on the cleaned film, or if the mask covered less than COVERED of it.

    Args:
        shape: height and width of the film.
    """
    network = [Marker(quad, style=style) for quad, style in film.network]
    mask = build_mask(shape, network, settings)
    letters = [marker for marker in final if marker.style != "plate"]
    missed = [
        marker
        for marker in letters
        if any(_is_same(marker.quad, quad) for quad in film.left or ()) or not _is_covered(mask, marker)
    ]
    film.found, film.missed = len(letters) - len(missed), len(missed)
    film.false = sum(
        erased.style != "plate" and not any(_is_same(erased.quad, marker.quad) for marker in final)
        for erased in network
    )
    film.judged = True


def _is_covered(mask: np.ndarray, marker: Marker) -> bool:
    inside = marker_mask(mask.shape, [marker], grow_fraction=0, grow_px=0)
    return bool(inside.any() and mask[inside].mean() >= COVERED)


def _is_same(one: Quad, other: Quad) -> bool:
    hulls = [cv2.convexHull(np.array(quad, np.float32)) for quad in (one, other)]
    common, _ = cv2.intersectConvexConvex(*hulls)
    return bool(common >= SAME * min(quad_area(one), quad_area(other)) > 0)


def summarise(recall: Recall) -> None:
    """Compute the counts and intervals of the judged films."""
    judged = [film for film in recall.sample if film.judged]
    n_with_missed = sum(film.missed > 0 for film in judged)
    share = exact_share(n_with_missed, len(judged))
    recall.films = FilmCounts(judged=len(judged), with_missed=n_with_missed, share=share)
    counts = [(film.missed, film.found + film.missed) for film in judged]
    recall.markers = MarkerCounts(
        found=sum(film.found for film in judged),
        missed=sum(film.missed for film in judged),
        false=sum(film.false for film in judged),
        share_missed=clustered_share(counts),
    )


def exact_share(count: int, total: int) -> Share:
    """Return a share of independent trials with its exact 95 % interval.

    Source: Clopper and Pearson 1934, "The use of confidence or fiducial limits illustrated in the case of the
    binomial".
    """
    return _share(count, total, count / total) if total else Share()


def clustered_share(counts: Sequence[tuple[int, int]]) -> Share:
    """Return a share with its 95 % interval, where trials of one cluster depend on each other.

    The exact interval is computed for the number of independent trials that would give the same variance between the
    clusters. If all trials agree, there is no variance, and each cluster counts as one trial.

    Args:
        counts: for each cluster, the number of hits and of trials.
    Source: Korn and Graubard 1998, "Confidence intervals for proportions with small expected number of positive counts
    estimated from survey data".
    """
    counts = [(hits, trials) for hits, trials in counts if trials]
    total, n = sum(trials for _, trials in counts), len(counts)
    if not total:
        return Share()
    value = sum(hits for hits, _ in counts) / total
    if value in (0, 1) or n < 2:
        return _share(value * n, n, value)
    variance = n / (n - 1) * sum((hits - value * trials) ** 2 for hits, trials in counts) / total**2
    t, z = float(stats.t.ppf((1 + LEVEL) / 2, n - 1)), NormalDist().inv_cdf((1 + LEVEL) / 2)
    effective = min(float(total), value * (1 - value) / variance) * (z / t) ** 2 if variance else float(n)
    return _share(value * effective, effective, value)


def _share(hits: float, trials: float, value: float) -> Share:
    tail = (1 - LEVEL) / 2
    low = 0.0 if hits <= 0 else float(stats.beta.ppf(tail, hits, trials - hits + 1))
    high = 1.0 if hits >= trials else float(stats.beta.ppf(1 - tail, hits + 1, trials - hits))
    return Share(value=round(value, 6), low=round(low, 6), high=round(high, 6))


def describe_recall(recall: Recall) -> str:
    """Return what a sample shows in one sentence, such as "at most 8 % of films still bear a marker (0 of 50 ...)"."""
    share = recall.films.share
    if share.high is None or share.low is None:
        return "no film of the sample was judged"
    return (
        f"at most {math.ceil(share.high * 100 - 1e-9)} % of films still bear a marker ({recall.films.with_missed} of "
        f"{amount(recall.films.judged, 'film')} judged at random, 95 % interval {share.low:.1%} to {share.high:.1%})"
    )


def hash_cleaning(folder: Path) -> str:
    """Return a hash of the settings, weights and marker file that a folder was cleaned with.

    Raises:
        OutputError: clean.json is missing or damaged.
    """
    file = folder / SETTINGS_FILE
    try:
        content = dict(parse_json(file.read_bytes()))
    except (OSError, ValueError, TypeError) as error:
        raise OutputError(f"{file}: cannot be read ({error}); run clean-labels again") from error
    names = ("settings", "masks_only", "markers_sha256", "weights_sha256", "dicom_out", "overlays")
    return hashlib.sha256(json.dumps([content.get(name) for name in names], sort_keys=True).encode()).hexdigest()


def read_recall(file: Path) -> Recall | None:
    """Read recall.json; None if there is none.

    Raises:
        OutputError: the file is damaged.
    """
    try:
        return Recall.model_validate(parse_json(file.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise OutputError(
            f"{file}: is not a sample of fxkit review ({describe_error(error)}); restore it, or delete it and judge a "
            "new sample"
        ) from error


def write_recall(file: Path, recall: Recall) -> None:
    """Write recall.json, with its counts and intervals computed anew."""
    summarise(recall)
    write_atomic(file, json.dumps(recall.model_dump(), indent=1) + "\n")
