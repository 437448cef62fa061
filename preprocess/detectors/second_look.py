"""Run the network again on doubtful regions, in eight orientations, and average the logits."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from preprocess.detectors.regions import MULTIPLE, STRIDE, Logits, Region, find_regions
from preprocess.detectors.views import views

POSSIBLE, EDGE = -3.0, -4.0  # thresholds of the logits of a region that may be a marker, and of its pixels

CERTAIN = 3.0  # regions whose more certain half has a higher mean logit are not looked at again

MARGIN_PX = 64  # film around a region that the network sees in the second look

UNTURNED = 6  # the first channels, which do not depend on the orientation; the others are directions


Film = NDArray[np.float32]

Window = tuple[slice, slice]


def second_look(run: Callable[[Film], Logits], film: Film, logits: Logits) -> Logits:
    """Re-run doubtful regions in eight orientations and average the logits.

    The orientations are the four quarter turns of the film and of its mirror image. Only the first UNTURNED channels
    are averaged; all other values are those of `logits`.

    Args:
        run: the network, a function from a film to its logits.
        film: (H, W) film at the size that the network sees; both sides are multiples of MULTIPLE.
        logits: (CHANNELS, H / STRIDE, W / STRIDE) logits of the film as it is; not modified.
    """
    averaged = np.array(logits)
    for region in find_regions(logits[0], POSSIBLE, EDGE):
        if _is_doubtful(region.values(logits)[0]):
            seen = _window(region, MARGIN_PX, MULTIPLE, film.shape)
            mean = _mean_over_views(run, film[seen])
            top, left = (side.start for side in _output_window(seen))
            # near the border of the seen window the network sees less, so only half the margin is replaced
            rows, columns = _output_window(_window(region, MARGIN_PX // 2, STRIDE, film.shape))
            averaged[:UNTURNED, rows, columns] = mean[
                :, rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
            ]
    return averaged


def _is_doubtful(logits: NDArray[np.float32]) -> bool:
    return bool(np.sort(logits)[len(logits) // 2 :].mean() < CERTAIN)


def _window(region: Region, margin: int, multiple: int, shape: tuple[int, ...]) -> Window:
    """Return the window of the film around a region, with a margin; its borders lie at multiples of `multiple`."""
    (x, y), (h, w) = region.corner, region.shape.shape
    starts = [max(0, STRIDE * start - margin) // multiple * multiple for start in (y, x)]
    ends = [-(-(STRIDE * end + margin) // multiple) * multiple for end in (y + h, x + w)]
    rows, columns = (slice(start, min(end, side)) for start, end, side in zip(starts, ends, shape, strict=True))
    return rows, columns


def _output_window(window: Window) -> Window:
    """Convert a window of the film to the window of the logits at the same position."""
    rows, columns = (slice(side.start // STRIDE, side.stop // STRIDE) for side in window)
    return rows, columns


def _mean_over_views(run: Callable[[Film], Logits], part: Film) -> Logits:
    each = [view.undo(run(view.show(part))[:UNTURNED]) for view in views(4, mirrored=True)]
    return np.asarray(np.mean(each, axis=0), np.float32)
