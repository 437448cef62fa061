"""Run the review server on this machine."""

import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from preprocess.errors import KnownError, OutputError
from preprocess.review.server.opening import write_results
from preprocess.review.server.session import Session

HOST = "127.0.0.1"

PAUSE = 10  # pause after files were written, as a multiple of the time that it took: 4 s for 10,000 films

MISSING = "fxkit review needs the extra: pip install 'fxkit[review]' ({})"


def check_extra() -> None:
    """Raise a KnownError if the packages of the extra `review` are missing."""
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise KnownError(MISSING.format(error)) from error


def serve(session: Session, port: int = 0, on_address: Callable[[str], None] = lambda address: None) -> None:
    """Serve a review on 127.0.0.1 until Ctrl-C. Films are saved as a person judges them.

    Args:
        port: 0 for any free port.
        on_address: called with the address of the page before the first request.
    Raises:
        OutputError: the port is in use.
        KnownError: the extra `review` is not installed.
    """
    with make_server(session, port) as (server, opened, address):
        on_address(address)
        server.run(sockets=[opened])


@contextmanager
def make_server(session: Session, port: int = 0) -> Iterator[tuple[Any, socket.socket, str]]:
    """Yield the uvicorn server of a review, its socket, and the address of its page."""
    check_extra()
    import uvicorn

    from preprocess.review.server.app import build_app

    opened = _open_socket(port)
    token, real_port = secrets.token_urlsafe(32), opened.getsockname()[1]
    with opened, write_in_background(session) as on_saved:
        app = build_app(session, token, real_port, on_saved)
        settings = {"log_config": None, "access_log": False, "server_header": False, "proxy_headers": False}
        config = uvicorn.Config(app, lifespan="off", ws="none", timeout_graceful_shutdown=3, **settings)
        yield uvicorn.Server(config), opened, f"http://{HOST}:{real_port}/{token}/"


def _open_socket(port: int) -> socket.socket:
    opened = socket.socket()
    try:
        opened.bind((HOST, port))
        opened.listen()  # so that requests wait until the server runs
    except OSError as error:
        opened.close()
        raise OutputError(f"port {port}: cannot be used ({error.strerror}); give another --port, or none") from error
    return opened


@contextmanager
def write_in_background(session: Session) -> Iterator[Callable[[], None]]:
    """Yield a function that has markers.json and confirmed.json written soon: once for many films saved together."""
    wake, stop = threading.Event(), threading.Event()

    def write() -> None:
        while wake.wait():
            wake.clear()
            if stop.is_set():
                return
            start_s = time.monotonic()
            with suppress(KnownError):  # a full disk; the ledger has the films, and the end of the review writes again
                write_results(session)
            stop.wait(PAUSE * (time.monotonic() - start_s))

    writer = threading.Thread(target=write, name="review-writer", daemon=True)
    writer.start()
    try:
        yield wake.set
    finally:
        stop.set()
        wake.set()
        writer.join()
