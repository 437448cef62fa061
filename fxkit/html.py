"""Fill the HTML templates; put pictures into pages."""

import base64
import functools
from pathlib import Path

import jinja2

from preprocess.errors import one_line

MAX_INLINE_BYTES = 2_000_000  # a larger picture is embedded as a smaller JPEG
MAX_WIDTH_PX = 1_800


def load_template(name: str) -> jinja2.Template:
    """Load a template by its path below the package, such as ``report/report.html``.

    HTML templates escape every value; others, such as Markdown, do not. A variable that is missing is an error.
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
    return environment


def picture_uri(path: Path) -> str | None:
    """Return a picture file as data URI; a large one as a smaller JPEG; None where there is none."""
    if not path.is_file():
        return None
    data = path.read_bytes()
    return data_uri(data) if len(data) <= MAX_INLINE_BYTES else data_uri(_smaller(path), "image/jpeg")


def _smaller(path: Path) -> bytes:
    import cv2

    from preprocess.images import encode_jpeg, read_image

    image = read_image(path)
    scale = min(1.0, MAX_WIDTH_PX / image.shape[1])
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return encode_jpeg(small, 85)


def data_uri(data: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
