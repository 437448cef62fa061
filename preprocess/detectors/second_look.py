"""Look again where the network is in doubt: turned and mirrored; the mean of what it says is surer than one look."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from preprocess.detectors.regions import MULTIPLE, STRIDE, Region, Said, regions
from preprocess.detectors.views import views

POSSIBLE, AROUND = -3.0, -4.0  # logits from which a region may be a marker, and a pixel part of it

CERTAIN = 3.0  # mean logit of a region's surer half from which a second look would change little

MARGIN_PX = 64  # of the film that is seen around a region

UNTURNED = 6  # channels, the first, that a turn of the film leaves as they are: the others are directions


Film = NDArray[np.float32]

Window = tuple[slice, slice]


def second_look(run: Callable[[Film], Said], film: Film, said: Said) -> Said:
    """Return what is said, in doubtful places the mean over the film's four turns and their mirror images.

    Args:
        run: the network: from a film to what is said of it.
        film: (H, W), as the network sees it; its sides are multiples of MULTIPLE.
        said: of the film as it is, (CHANNELS, H / STRIDE, W / STRIDE) logits.
    """
    mean = np.array(said)
    for region in regions(said[0], POSSIBLE, AROUND):
        if _in_doubt(region.of(said)[0]):
            seen = _window(region, MARGIN_PX, MULTIPLE, film.shape)
            looks = _mean_of_looks(run, film[seen])
            top, left = (side.start for side in _of_said(seen))
            rows, columns = _of_said(_window(region, MARGIN_PX // 2, STRIDE, film.shape))  # at the border less is seen
            mean[:UNTURNED, rows, columns] = looks[
                :, rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
            ]
    return mean


def _in_doubt(logits: NDArray[np.float32]) -> bool:
    return bool(np.sort(logits)[len(logits) // 2 :].mean() < CERTAIN)


def _window(region: Region, margin: int, multiple: int, shape: tuple[int, ...]) -> Window:
    """Return the window of the film around a region, with a margin and borders at multiples."""
    (x, y), (h, w) = region.here, region.shape.shape
    starts = [max(0, STRIDE * start - margin) // multiple * multiple for start in (y, x)]
    ends = [-(-(STRIDE * end + margin) // multiple) * multiple for end in (y + h, x + w)]
    rows, columns = (slice(start, min(end, side)) for start, end, side in zip(starts, ends, shape, strict=True))
    return rows, columns


def _of_said(window: Window) -> Window:
    """Return the window of what is said that lies over a window of the film."""
    rows, columns = (slice(side.start // STRIDE, side.stop // STRIDE) for side in window)
    return rows, columns


def _mean_of_looks(run: Callable[[Film], Said], part: Film) -> Said:
    looks = [view.undo(run(view.show(part))[:UNTURNED]) for view in views(4, mirrored=True)]
    return np.asarray(np.mean(looks, axis=0), np.float32)
