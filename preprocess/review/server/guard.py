"""Who may talk to the server: only the page that it sent itself, opened with the secret address."""

import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}

MOST_BYTES = 1_000_000  # of a request's body


class Guard:
    """Refuses requests with 403 unless they have the token in their path and come from the page itself.

    The Host header must name this server: a page elsewhere whose name is made to point at 127.0.0.1 ("DNS rebinding")
    sends its own name. Requests that change something must come from a page of this server, as the Origin header says.

    Args:
        app: the application behind the guard.
        token: the first folder of all paths.
        port: the port of the server.
    """

    def __init__(self, app: App, token: str, port: int) -> None:
        self._app = app
        self._token = token.encode()
        self._hosts = {f"127.0.0.1:{port}".encode(), f"localhost:{port}".encode()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = _with_headers(send)
        refusal = "a request of this kind is not answered" if scope["type"] != "http" else self._refusal(scope)
        if refusal:
            await _refuse(headers, refusal)
        else:
            await self._app(scope, _limited(receive), headers)

    def _refusal(self, scope: Scope) -> str:
        fields: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            fields.setdefault(name.lower(), []).append(value)
        if len(fields.get(b"host", [])) != 1 or fields[b"host"][0] not in self._hosts:
            return "the address must begin with 127.0.0.1 or localhost"
        token = scope["path"].split("/")[1] if scope["path"].count("/") >= 1 else ""
        if not secrets.compare_digest(token.encode("utf-8", "replace"), self._token):
            return "open the whole address that fxkit review printed"
        if scope["method"] not in ("GET", "HEAD") and fields.get(b"origin") != [b"http://" + fields[b"host"][0]]:
            return "only the page of fxkit review may change films"
        return ""


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            extra = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
            has_caching = any(name.lower() == b"cache-control" for name, _ in message.get("headers", []))
            extra += [] if has_caching else [(b"cache-control", b"no-store")]
            message = {**message, "headers": [*message.get("headers", []), *extra]}
        await send(message)

    return send_with_headers


def _limited(receive: Receive) -> Receive:
    """Return a `receive` that ends a body after MOST_BYTES, so that it is no longer the JSON that is expected."""
    n_bytes = 0

    async def receive_limited() -> MutableMapping[str, Any]:
        nonlocal n_bytes
        message = await receive()
        n_bytes += len(message.get("body", b""))
        if n_bytes > MOST_BYTES:
            return {"type": "http.request", "body": b"", "more_body": False}
        return message

    return receive_limited


async def _refuse(send: Send, reason: str) -> None:
    body = f"403: {reason}\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})
