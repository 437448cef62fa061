"""A cleaned folder with a running review server."""

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from preprocess.folder.clean_folder import FolderOptions, clean_folder
from preprocess.review.server.opening import open_session
from preprocess.review.server.serve import make_server
from preprocess.review.server.session import Session


@dataclass(frozen=True)
class Client:
    """A client of a running review server."""

    session: Session
    address: str

    @property
    def origin(self) -> str:
        return self.address.rsplit("/", 2)[0]

    def ask(
        self, path: str, body: object = None, method: str = "", headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Send a request below the token, or to an absolute path, and return status and body."""
        parts = urlsplit(self.address)
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
        content = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        method = method or ("GET" if body is None else "POST")
        fields = {"Origin": self.origin} if method == "POST" else {}
        full = path if path.startswith("/") else parts.path + path
        connection.request(method, full, content, {**fields, **(headers or {})})
        response = connection.getresponse()
        return response.status, response.read()

    def get(self, path: str, body: object = None) -> Any:
        status, content = self.ask(path, body)
        assert status == 200, content
        return json.loads(content)

    def save(self, number: int, markers: list[dict[str, Any]]) -> Any:
        version = self.get(f"films/{number}")["version"]
        sent = [{key: marker[key] for key in ("quad", "text", "style") if key in marker} for marker in markers]
        return self.get(f"films/{number}", {"markers": sent, "version": version})


@contextmanager
def serving(session: Session) -> Iterator[Client]:
    """Serve a session in a thread; skip the test without the extra `review`."""
    pytest.importorskip("uvicorn")
    with make_server(session) as (server, opened, address):
        thread = threading.Thread(target=server.run, kwargs={"sockets": [opened]})
        thread.start()
        try:
            yield Client(session, address)
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def cleaned(films: Callable[..., tuple[Path, Path]], tmp_path: Path) -> Path:
    """Return a cleaned folder of six films, two of them without markers."""
    root, markers = films(6)
    clean_folder(root, tmp_path / "out", FolderOptions(markers=markers))
    return tmp_path / "out"


@pytest.fixture
def client(cleaned: Path) -> Iterator[Client]:
    with open_session(cleaned) as session, serving(session) as opened:
        yield opened
