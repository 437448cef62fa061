"""The addresses of the review server, below its token.

TOKEN/                        the page, with page.js and page.css
TOKEN/progress                how much is judged
TOKEN/films?first=&count=     a page of the list of films
TOKEN/films/N                 GET: a film and its markers; POST: the markers of a person
TOKEN/films/N/left            POST: what a person sees on the cleaned film of a sample
TOKEN/films/N/before, /after  its pictures
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from preprocess.errors import KnownError, one_line
from preprocess.json_files import describe_error, parse_json
from preprocess.review.server.guard import App, Guard
from preprocess.review.server.messages import Verdict
from preprocess.review.server.session import ChangedError, Session

FILES = {"": "text/html", "page.js": "text/javascript", "page.css": "text/css"}

PAGE_FILMS = 200  # of the list, at most


def build_app(session: Session, token: str, port: int, on_saved: Callable[[], None] = lambda: None) -> App:
    """Return the application that serves a review. Needs the extra `review`.

    Args:
        token: secret first folder of all addresses.
        port: where the server listens; the Host header must name it.
        on_saved: called after each film that was saved.
    """
    from starlette.applications import Starlette
    from starlette.routing import Route

    answers = _Answers(session, on_saved)
    film = f"/{token}/films/{{number:int}}"
    routes = [
        Route(f"/{token}/progress", answers.get_progress),
        Route(f"/{token}/films", answers.get_films),
        Route(film, answers.get_film, methods=["GET"]),
        Route(film, answers.post_film, methods=["POST"]),
        Route(f"{film}/left", answers.post_left, methods=["POST"]),
        Route(f"{film}/{{side}}", answers.get_picture),
        Route(f"/{token}/", answers.get_file),
        Route(f"/{token}/{{name}}", answers.get_file),
    ]
    handlers: dict[Any, Any] = dict.fromkeys((KnownError, IndexError, ValueError), answer_error)
    return Guard(Starlette(routes=routes, exception_handlers=handlers), token, port)


@dataclass(frozen=True)
class _Answers:
    """Answers to requests; starlette runs those that are not async in threads."""

    session: Session
    on_saved: Callable[[], None]

    def get_file(self, request: Any) -> Any:
        name = request.path_params.get("name", "")
        if name not in FILES:
            return _respond(b"404: no such page\n", "text/plain", status=404)
        return _respond(Path(__file__).with_name(name or "page.html").read_bytes(), FILES[name])

    def get_progress(self, request: Any) -> Any:
        return _json(self.session.progress())

    def get_films(self, request: Any) -> Any:
        query = request.query_params
        first, count = (_whole(query.get(name, "")) for name in ("first", "count"))
        show, text = query.get("show", "all"), query.get("text", "")
        return _json(self.session.list_films(first, min(count, PAGE_FILMS), show, text))

    def get_film(self, request: Any) -> Any:
        return _json(self.session.describe(request.path_params["number"]))

    def get_picture(self, request: Any) -> Any:
        number, side = request.path_params["number"], request.path_params["side"]
        if side not in ("before", "after"):
            return _respond(b"404: no such picture\n", "text/plain", status=404)
        picture = self.session.source_picture(number) if side == "before" else self.session.output_picture(number)
        caching = {"cache-control": "private, max-age=3600"}  # the page asks for another version under another address
        return _respond(picture.jpeg, "image/jpeg", headers=caching)

    async def post_film(self, request: Any) -> Any:
        return await self._post(request, self._save)

    async def post_left(self, request: Any) -> Any:
        return await self._post(request, self.session.look)

    async def _post(self, request: Any, act: Callable[[int, Verdict], None]) -> Any:
        from starlette.concurrency import run_in_threadpool

        number, body = request.path_params["number"], await request.body()

        def answer() -> Any:
            act(number, Verdict.model_validate(parse_json(body)))
            return _json({"film": self.session.describe(number), "progress": self.session.progress()})

        return await run_in_threadpool(answer)

    def _save(self, number: int, verdict: Verdict) -> None:
        self.session.save(number, verdict)
        self.on_saved()


def answer_error(request: Any, error: Exception) -> Any:
    """Return the answer to a request that raised an error: one line of text, as JSON."""
    status, text = explain(error)
    return _json({"error": text}, status)


def explain(error: Exception) -> tuple[int, str]:
    """Return the HTTP status and the text for an error of a request."""
    match error:
        case ChangedError():
            return 409, one_line(error)
        case KnownError():
            return 422, one_line(error)
        case IndexError():
            return 404, "no such film"
        case ValidationError():
            return 400, one_line(describe_error(error))
    return 400, one_line(error)


def _json(content: object, status: int = 200) -> Any:
    from starlette.responses import JSONResponse

    return JSONResponse(content, status)


def _respond(content: bytes, media_type: str, *, status: int = 200, headers: dict[str, str] | None = None) -> Any:
    from starlette.responses import Response

    is_text = media_type.startswith("text/")
    return Response(content, status, headers, f"{media_type}; charset=utf-8" if is_text else media_type)


def _whole(text: str) -> int:
    """Return a number from 0 that a query holds; 0 if it holds none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
