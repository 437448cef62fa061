"""Load the HTML templates, and embed pictures into pages."""

import base64
import functools
import io
from pathlib import Path

import jinja2

from preprocess.errors import one_line
from preprocess.words import amount, part_of

MAX_INLINE_BYTES = 2_000_000  # a larger picture is embedded as a reduced JPEG
MAX_WIDTH_PX = 1_800  # of the reduced JPEG

MOST_COLOURS = 48  # of a picture in a notebook; the pictures of figures have few colours and their shades


def load_template(name: str) -> jinja2.Template:
    """Load a template by its path within the package, such as ``report/report.html``.

    Templates that end in .html escape every value; others, such as Markdown, do not. An undefined variable raises an
    error.
    """
    return _environment().get_template(name)


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=lambda name: name is not None and name.endswith(".html"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["one_line"] = one_line
    environment.globals["amount"] = amount
    environment.globals["part_of"] = part_of
    return environment


def picture_uri(path: Path) -> str | None:
    """Return a picture file as a data URI, a large one as a reduced JPEG; None if the file does not exist."""
    if not path.is_file():
        return None
    data = path.read_bytes()
    return data_uri(data) if len(data) <= MAX_INLINE_BYTES else data_uri(_reduced_jpeg(path), "image/jpeg")


def _reduced_jpeg(path: Path) -> bytes:
    import cv2

    from preprocess.images import encode_jpeg, read_image

    image = read_image(path)
    scale = min(1.0, MAX_WIDTH_PX / image.shape[1])
    reduced = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return encode_jpeg(reduced, 85)


def small_picture_uri(path: Path) -> str | None:
    """Return a drawn picture as a data URI with few colours, a third as large; None if the file does not exist.

    Notebooks store what they show, often in version control.
    """
    if not path.is_file():
        return None
    from PIL import Image

    from preprocess.images import read_image

    out = io.BytesIO()
    reduced = Image.fromarray(read_image(path)).quantize(MOST_COLOURS, dither=Image.Dither.NONE)
    reduced.save(out, "PNG", optimize=True)
    return data_uri(out.getvalue())


def data_uri(data: bytes, media_type: str = "image/png") -> str:
    """Return bytes as a data URI."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"
