"""PNG, JPEG, BMP and WebP files of the corpus."""

import io
import struct
import zlib
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.fxkit.corpus.film import HEIGHT, WIDTH, Kind, deep_film, film8

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def pictures() -> list[Kind]:
    """Return the PNG, JPEG, BMP and WebP files of the corpus."""
    return [*_whole_pngs(), *_damaged_pngs(), *_whole_jpegs(), *_damaged_jpegs(), *_other_pictures()]


def chunk(name: bytes, data: bytes) -> bytes:
    """Return a PNG chunk with its length and checksum."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(
    values: NDArray[np.generic], *, extra: bytes = b"", rows: int | None = None, height: int | None = None
) -> bytes:
    """Write a PNG without a library.

    Args:
        values: (H, W) or (H, W, C) uint8 or uint16.
        extra: chunks before the pixels.
        rows: number of rows in the pixel data; default: all.
        height: height in the header; default: the real one.
    """
    bits = 8 * values.dtype.itemsize
    channels = 1 if values.ndim == 2 else values.shape[2]
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    big = values.astype(values.dtype.newbyteorder(">"))[:rows]
    lines = b"".join(b"\0" + row.tobytes() for row in big)
    header = struct.pack(">IIBBBBB", values.shape[1], height or values.shape[0], bits, colour, 0, 0, 0)
    return SIGNATURE + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


def saved(image: Image.Image, format: str, **options: object) -> bytes:
    """Return an image as Pillow writes it."""
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def _whole_pngs() -> Iterator[Kind]:
    film = film8()
    for bits in (8, 10, 12, 14, 16):
        yield Kind(f"png-{bits}-bits-in-16.png", png(deep_film(bits)), film)
    hot = deep_film()
    hot[50, 100] = 60000
    expected = film.copy()
    expected[50, 100] = 255
    yield Kind("png-hot-pixel.png", png(hot), expected)
    burned = deep_film()
    burned[burned == burned.max()] = 65535
    yield Kind("png-letter-at-65535.png", png(burned), film)
    soft = cv2.GaussianBlur((burned == 65535).astype(np.float32), (0, 0), 0.8)
    blended = np.round(deep_film() * (1 - soft) + 65535 * soft).astype(np.uint16)
    yield Kind("png-soft-letter-at-65535.png", png(blended), np.where(soft > 0.001, 255, film).astype(np.uint8), 255)
    yield Kind("png-8-bits.png", png(film), film, 0)
    yield Kind("png-colour-channels-equal.png", png(np.repeat(film[..., None], 3, 2)), film, 0)
    yield Kind("png-grey-and-alpha.png", png(np.dstack([film, np.full_like(film, 255)])), film, 0)
    deep = deep_film(16)
    yield Kind("png-16-bit-colour.png", png(np.repeat(deep[..., None], 3, 2)), film)
    yield Kind("png-16-bit-grey-and-alpha.png", png(np.dstack([deep, np.full_like(deep, 65535)])), film)
    yield Kind("png-16-bit-colour-and-alpha.png", png(np.dstack([deep] * 3 + [np.full_like(deep, 65535)])), film)
    palette = Image.fromarray(film).convert("P")
    palette.putpalette([255 - level for level in range(256) for _ in range(3)])
    yield Kind("png-palette-inverse.png", saved(palette, "PNG"), 255 - film, 0)
    yield Kind("png-gamma.png", png(film, extra=chunk(b"gAMA", struct.pack(">I", 45455))), film, 0)
    yield Kind("png-12-bits-with-sbit.png", png(deep_film(), extra=chunk(b"sBIT", b"\x0c")), film)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = Image.fromarray(np.ascontiguousarray(np.rot90(film)))
    yield Kind("png-orientation-6.png", saved(turned, "PNG", exif=exif), film, 0)
    yield Kind("png-zeros-after-the-end.png", png(film) + bytes(4096), film, 0)
    yield Kind("png-text-after-the-end.png", png(film) + b"exported by PACS 3.1", film, 0)
    yield Kind("jpg-that-is-a-png.jpg", png(film), film, 0)


def _damaged_pngs() -> Iterator[Kind]:
    film = film8()
    whole = png(film)
    damaged = "truncated|corrupt|damaged|row|short|ends|broken"
    for percent in (10, 50, 90):
        yield Kind(f"png-cut-at-{percent}.png", whole[: len(whole) * percent // 100], reason=damaged)
    yield Kind("png-half-its-rows.png", png(film, rows=HEIGHT // 2), reason=damaged)
    yield Kind("png-16-bit-half-its-rows.png", png(deep_film(16), rows=HEIGHT // 2), reason=damaged)
    yield Kind("png-header-too-high.png", png(film, height=2 * HEIGHT), reason=damaged)
    middle = len(whole) // 2
    zeroed = whole[: middle - 200] + bytes(400) + whole[middle + 200 :]
    yield Kind("png-zeroed-middle.png", zeroed, reason=damaged)
    lines = zlib.compress(bytes(300_000_000), 9)
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 0, 0, 0, 0)
    bomb = SIGNATURE + chunk(b"IHDR", header) + chunk(b"zTXt", b"note\0\0" + lines) + chunk(b"IEND", b"")
    yield Kind("png-text-bomb-without-pixels.png", bomb, reason=".")
    huge = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    bomb = SIGNATURE + chunk(b"IHDR", huge) + chunk(b"IDAT", lines) + chunk(b"IEND", b"")
    yield Kind("png-60000-pixels-wide.png", bomb, reason="limit")


def _whole_jpegs() -> Iterator[Kind]:
    film = film8()
    image = Image.fromarray(film)
    yield Kind("jpg-grey.jpg", saved(image, "JPEG", quality=98), film, 12)
    yield Kind("jpg-colour.jpeg", saved(image.convert("RGB"), "JPEG", quality=98), film, 12)
    yield Kind("jpg-progressive.jpg", saved(image, "JPEG", quality=98, progressive=True), film, 12)
    yield Kind("jpg-cmyk.jpg", saved(image.convert("RGB").convert("CMYK"), "JPEG", quality=98), film, 14)
    yield Kind("jpg-restart-markers.jpg", saved(image, "JPEG", quality=98, restart_marker_rows=1), film, 12)
    yield Kind("JPG-UPPER.JPG", saved(image, "JPEG", quality=98), film, 12)
    yield Kind("jpg-jfif.jfif", saved(image, "JPEG", quality=98), film, 12)
    yield Kind("jpg-jpe.jpe", saved(image, "JPEG", quality=98), film, 12)
    views = {2: film[:, ::-1], 3: np.rot90(film, 2), 4: film[::-1], 5: film.T, 6: np.rot90(film), 8: np.rot90(film, -1)}
    for orientation, stored in views.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        turned = Image.fromarray(np.ascontiguousarray(stored))
        yield Kind(f"jpg-orientation-{orientation}.jpg", saved(turned, "JPEG", quality=98, exif=exif), film, 12)
    for name, tail in (("zeros", bytes(5000)), ("ff", b"\xff" * 99), ("text", b"<!-- PACS -->"), ("jpeg", b"\xff\xd8")):
        yield Kind(f"jpg-{name}-after-the-end.jpg", saved(image, "JPEG", quality=98) + tail, film, 12)
    yield Kind("png-that-is-a-jpeg.png", saved(image, "JPEG", quality=98), film, 12)


def _damaged_jpegs() -> Iterator[Kind]:
    # noise makes the scan long, so that a cut loses rows
    noisy = np.clip(film8() + np.random.default_rng(0).normal(0, 12, (HEIGHT, WIDTH)), 0, 255).astype(np.uint8)
    image = Image.fromarray(noisy)
    damaged = "truncated|corrupt|damaged|row|short|ends|broken|premature"
    for name, options in (("baseline", {}), ("progressive", {"progressive": True})):
        whole = saved(image, "JPEG", quality=95, **options)
        start = whole.index(b"\xff\xda") + 12
        for percent in (30, 60, 90):
            cut = start + (len(whole) - start) * percent // 100
            yield Kind(f"jpg-{name}-cut-at-{percent}.jpg", whole[:cut], reason=damaged)
            yield Kind(f"jpg-{name}-closed-at-{percent}.jpg", whole[:cut] + b"\xff\xd9", reason=damaged)
        frame = whole.index(b"\xff\xc0" if name == "baseline" else b"\xff\xc2")
        taller = whole[: frame + 5] + struct.pack(">H", 3 * HEIGHT) + whole[frame + 7 :]
        yield Kind(f"jpg-{name}-too-high.jpg", taller, reason=damaged)
    whole = saved(image, "JPEG", quality=95)
    middle = (whole.index(b"\xff\xda") + len(whole)) // 2
    zeroed = whole[: middle - 300] + bytes(600) + whole[middle + 300 :]
    yield Kind("jpg-zeroed-middle.jpg", zeroed, reason=damaged)
    yield Kind("jpg-header-only.jpg", whole[: whole.index(b"\xff\xda")], reason=damaged)


def _other_pictures() -> Iterator[Kind]:
    film = film8()
    image = Image.fromarray(film)
    yield Kind("bmp-grey.bmp", saved(image, "BMP"), film, 0)
    yield Kind("bmp-colour.bmp", saved(image.convert("RGB"), "BMP"), film, 0)
    yield Kind("bmp-cut.bmp", saved(image, "BMP")[:-3000], reason="truncated|corrupt")
    yield Kind("webp-lossless.webp", saved(image.convert("RGB"), "WEBP", lossless=True), film, 0)
    webp = saved(image.convert("RGB"), "WEBP", lossless=True)
    yield Kind("webp-cut.webp", webp[: len(webp) // 2], reason="truncated|corrupt|not an image")
    yield Kind("zero-bytes.png", b"", reason="zero bytes")
    yield Kind("web-page.jpg", b"<!DOCTYPE html><html><body>404 Not Found</body></html>", reason="not an image")
    yield Kind(
        "git-lfs-pointer.png", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", reason="not an image"
    )
    yield Kind("zeros.png", bytes(20_000), reason="not an image")
    yield Kind("zeros.dcm", bytes(20_000), reason="not a DICOM|DICOM")
    yield Kind("gif-in-disguise.png", saved(image, "GIF"), reason="not an image|GIF")
