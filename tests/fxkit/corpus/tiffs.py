"""TIFF files of the corpus. They are written without a library, so that every tag is known."""

import struct
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from tests.fxkit.corpus.film import HEIGHT, WIDTH, Kind, deep_film, film8

SHORT, LONG = 3, 4

DAMAGED = "truncated|corrupt|damaged|row|short|ends|strip|broken"


def tiff(strips: list[bytes], *, order: str = "<", **changed: int | tuple[int, ...]) -> bytes:
    """Write a TIFF of one page, uncompressed.

    Args:
        strips: bytes of the strips.
        order: "<" little-endian or ">" big-endian.
        changed: tags by number, such as t258=16; they replace the default of an 8-bit grey film, or are added.
    """
    offsets, at = [], 8
    for strip in strips:
        offsets.append(at)
        at += len(strip)
    tags: dict[int, int | tuple[int, ...]] = {
        256: WIDTH, 257: HEIGHT, 258: 8, 259: 1, 262: 1, 273: tuple(offsets), 277: 1, 278: HEIGHT,
        279: tuple(len(strip) for strip in strips),
    }  # fmt: skip
    tags |= {int(name[1:]): value for name, value in changed.items()}
    return (
        struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, at) + b"".join(strips) + _ifd(tags, order, at)
    )


def _ifd(tags: Mapping[int, int | tuple[int, ...]], order: str, at: int) -> bytes:
    entries, later = b"", b""
    end = at + 2 + 12 * len(tags) + 4
    for tag, value in sorted(tags.items()):
        values = value if isinstance(value, tuple) else (value,)
        kind = LONG if tag in (273, 279) else SHORT
        data = struct.pack(f"{order}{len(values)}{'I' if kind == LONG else 'H'}", *values)
        if len(data) > 4:
            data, later = struct.pack(f"{order}I", end + len(later)), later + data
        entries += struct.pack(f"{order}HHI", tag, kind, len(values)) + data.ljust(4, b"\0")
    return struct.pack(f"{order}H", len(tags)) + entries + bytes(4) + later


def deep(values: NDArray[np.uint16], order: str = "<") -> bytes:
    """Return 16-bit values as bytes of this order."""
    return values.astype(f"{order}u2").tobytes()


def tiffs() -> list[Kind]:
    """Return the TIFF files of the corpus."""
    return [*_grey(), *_colour(), *_refused()]


def _grey() -> Iterator[Kind]:
    film, full = film8(), deep_film(16)
    yield Kind("tiff-8-bits.tif", tiff([film.tobytes()]), film, 0)
    yield Kind("tiff-8-bits-white-is-zero.tif", tiff([(255 - film).tobytes()], t262=0), film, 0)
    for order, name in (("<", "little"), (">", "big")):
        yield Kind(f"tiff-16-bits-{name}-endian.tif", tiff([deep(full, order)], order=order, t258=16), film)
        white = tiff([deep(65535 - full, order)], order=order, t258=16, t262=0)
        yield Kind(f"tiff-16-bits-white-is-zero-{name}-endian.tif", white, film)
    yield Kind("tiff-12-bits-in-16.tiff", tiff([deep(deep_film())], t258=16), film)
    halves = [deep(full[: HEIGHT // 2]), deep(full[HEIGHT // 2 :])]
    yield Kind("tiff-two-strips.tif", tiff(halves, t258=16, t278=HEIGHT // 2), film)
    turned = np.ascontiguousarray(np.rot90(full))
    yield Kind(
        "tiff-16-bits-orientation-6.tif",
        tiff([deep(turned)], t258=16, t256=HEIGHT, t257=WIDTH, t278=WIDTH, t274=6),
        film,
    )
    yield Kind("tiff-zeros-after-the-end.tif", tiff([film.tobytes()]) + bytes(999), film, 0)
    bits = np.packbits(film > 100, axis=1).tobytes()
    expected = np.where(film > 100, 255, 0).astype(np.uint8)
    yield Kind("tiff-1-bit.tif", tiff([bits], t258=1), expected, 0)
    yield Kind(
        "tiff-1-bit-white-is-zero.tif", tiff([np.packbits(film <= 100, axis=1).tobytes()], t258=1, t262=0), expected, 0
    )


def _colour() -> Iterator[Kind]:
    film, full = film8(), deep_film(16)
    three, eight = np.dstack([full] * 3), np.dstack([film] * 3)
    sixteen, bytes8 = (16, 16, 16), (8, 8, 8)
    yield Kind("tiff-colour.tif", tiff([eight.tobytes()], t258=bytes8, t262=2, t277=3), film, 0)
    yield Kind("tiff-16-bit-colour.tif", tiff([deep(three)], t258=sixteen, t262=2, t277=3), film)
    planes = [deep(full)] * 3
    yield Kind("tiff-16-bit-planar.tif", tiff(planes, t258=sixteen, t262=2, t277=3, t284=2), film)
    planar8 = tiff([film.tobytes()] * 3, t258=bytes8, t262=2, t277=3, t284=2)
    yield Kind("tiff-8-bit-planar.tif", planar8, film, 0)
    turned = np.ascontiguousarray(np.rot90(three))
    tags = {"t258": sixteen, "t262": 2, "t277": 3, "t256": HEIGHT, "t257": WIDTH, "t278": WIDTH, "t274": 6}
    yield Kind("tiff-16-bit-colour-orientation-6.tif", tiff([deep(turned)], **tags), film)
    table = tuple(257 * (255 - level) for _ in range(3) for level in range(256))
    yield Kind("tiff-palette.tif", tiff([film.tobytes()], t262=3, t320=table), 255 - film, 0)


def _refused() -> Iterator[Kind]:
    film, full = film8(), deep_film(16)
    yield Kind("tiff-cut.tif", tiff([film.tobytes()])[:4000], reason=f"not an image|{DAMAGED}")
    yield Kind("tiff-strip-beyond-the-end.tif", tiff([film.tobytes()], t273=5000), reason=DAMAGED)
    yield Kind("tiff-16-bit-strip-short.tif", tiff([deep(full)[: WIDTH * HEIGHT]], t258=16), reason=DAMAGED)
    yield Kind("tiff-half-its-strips.tif", tiff([deep(full[:45])], t258=16, t278=45), reason=DAMAGED)
    real = np.linspace(-1, 1, WIDTH * HEIGHT).astype("<f4").tobytes()
    yield Kind("tiff-float.tif", tiff([real], t258=32, t339=3), reason="float")
    signed = (full.astype(np.int32) - 30000).astype("<i4").tobytes()
    yield Kind("tiff-signed.tif", tiff([signed], t258=32, t339=2), reason="values|int")
    yield Kind("tiff-50000-pixels-wide.tif", tiff([film.tobytes()], t256=50_000, t257=50_000), reason="limit")
