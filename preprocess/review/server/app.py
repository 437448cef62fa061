"""The addresses of the review server, below its token.

TOKEN/                        the page, with page.js and page.css
TOKEN/progress                how much is judged
TOKEN/films?first=&count=     a page of the list of films
TOKEN/films/N                 GET: a film and its markers; POST: the markers of a person
TOKEN/films/N/left            POST: what a person sees on the cleaned film of a sample
TOKEN/films/N/before, /after  its pictures
"""

from collections.abc import Callable
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
    from starlette.requests import Request
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route

    def get_file(request: Request) -> Response:
        name = request.path_params.get("name", "")
        if name not in FILES:
            return Response("404: no such page\n", 404, media_type="text/plain")
        content = Path(__file__).with_name(name or "page.html").read_bytes()
        return Response(content, media_type=f"{FILES[name]}; charset=utf-8")

    def get_progress(request: Request) -> Response:
        return JSONResponse(session.progress())

    def get_films(request: Request) -> Response:
        query = request.query_params
        first, count = (_whole(query.get(name, "")) for name in ("first", "count"))
        films = session.list_films(first, min(count, PAGE_FILMS), query.get("show", "all"), query.get("text", ""))
        return JSONResponse(films)

    def get_film(request: Request) -> Response:
        return JSONResponse(session.describe(request.path_params["number"]))

    def get_picture(request: Request) -> Response:
        number, side = request.path_params["number"], request.path_params["side"]
        picture = session.source_picture(number) if side == "before" else session.output_picture(number)
        caching = {"cache-control": "private, max-age=3600"}  # the page asks for another version under another address
        return Response(picture.jpeg, media_type="image/jpeg", headers=caching)

    def save_film(number: int, body: bytes) -> Response:
        session.save(number, Verdict.model_validate(parse_json(body)))
        on_saved()
        return JSONResponse({"film": session.describe(number), "progress": session.progress()})

    def look_at_film(number: int, body: bytes) -> Response:
        session.look(number, Verdict.model_validate(parse_json(body)))
        return JSONResponse({"film": session.describe(number), "progress": session.progress()})

    async def post_film(request: Request) -> Response:
        from starlette.concurrency import run_in_threadpool

        answer = look_at_film if request.url.path.endswith("/left") else save_film
        response: Response = await run_in_threadpool(answer, request.path_params["number"], await request.body())
        return response

    def answer_error(request: Request, error: Exception) -> Response:
        status, text = explain(error)
        return JSONResponse({"error": text}, status)

    routes = [
        Route(f"/{token}/progress", get_progress),
        Route(f"/{token}/films", get_films),
        Route(f"/{token}/films/{{number:int}}", get_film, methods=["GET"]),
        Route(f"/{token}/films/{{number:int}}", post_film, methods=["POST"]),
        Route(f"/{token}/films/{{number:int}}/left", post_film, methods=["POST"]),
        Route(f"/{token}/films/{{number:int}}/{{side}}", get_picture),
        Route(f"/{token}/", get_file),
        Route(f"/{token}/{{name}}", get_file),
    ]
    handlers: dict[Any, Any] = dict.fromkeys((KnownError, IndexError, ValueError), answer_error)
    return Guard(Starlette(routes=routes, exception_handlers=handlers), token, port)


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


def _whole(text: str) -> int:
    """Return a number from 0 that a query holds; 0 if it holds none."""
    return int(text) if text.isdecimal() and len(text) < 10 else 0
