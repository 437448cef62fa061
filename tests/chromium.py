"""Drive headless Chromium by its debugging pipe: real keys and pointers, scripts and pictures of a page."""

import base64
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)

OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
OPTIONS += ["--disable-component-update", "--disable-sync", "--disable-quic", "--remote-debugging-pipe"]

CODES = {"Enter": 13, "Delete": 46, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Escape": 27}
CTRL, SHIFT = 2, 8


class Page:
    """One page of a browser.

    Attributes:
        complaints: what the console of the page said, and errors that no script caught.
    """

    def __init__(self, read_end: int, write_end: int) -> None:
        self._answers, self._requests = os.fdopen(read_end, "rb"), os.fdopen(write_end, "wb")
        self._number, self._session, self._buffer = 0, "", b""
        self.complaints: list[str] = []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self._call(f"{domain}.enable")

    def close(self) -> None:
        self._session = ""
        self._call("Browser.close")
        self._answers.close()
        self._requests.close()

    def open(self, address: str, *, dark: bool = False, size: tuple[int, int] = (1400, 900)) -> None:
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self._call("Emulation.setEmulatedMedia", features=scheme)
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False}
        self._call("Emulation.setDeviceMetricsOverride", **metrics)
        self._call("Page.navigate", url=address)

    def run(self, script: str) -> Any:
        """Return the value of an expression; a promise is awaited."""
        result = self._call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def wait_for(self, condition: str, *, seconds: float = 60) -> None:
        """Wait until an expression is true; while the page loads, its names are not defined yet."""
        end, script = time.monotonic() + seconds, f"(() => {{ try {{ return Boolean({condition}) }} catch {{ }} }})()"
        while not self.run(script):
            assert time.monotonic() < end, f"{condition} stays false: {self.run('document.body.innerText')}"
            time.sleep(0.1)

    def press(self, key: str, modifiers: int = 0) -> None:
        code = {"windowsVirtualKeyCode": CODES.get(key, 0)}
        text = {"text": key} if len(key) == 1 and not modifiers else {}
        self._call("Input.dispatchKeyEvent", type="keyDown", key=key, modifiers=modifiers, **code, **text)
        self._call("Input.dispatchKeyEvent", type="keyUp", key=key, modifiers=modifiers, **code)

    def drag(self, *points: tuple[float, float]) -> None:
        """Press the left button at the first point, move through the others, and release it."""
        mouse = {"button": "left", "buttons": 1, "clickCount": 1}
        for kind, (x, y) in [("mousePressed", points[0]), *(("mouseMoved", point) for point in points[1:])]:
            self._call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **mouse)
        x, y = points[-1]
        self._call("Input.dispatchMouseEvent", type="mouseReleased", x=x, y=y, **{**mouse, "buttons": 0})

    def shoot(self, file: Path) -> None:
        """Write a picture of the page as PNG."""
        file.write_bytes(base64.b64decode(self._call("Page.captureScreenshot")["data"]))

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        session = {"sessionId": self._session} if self._session else {}
        message = {"id": self._number, "method": method, "params": params, **session}
        self._requests.write(json.dumps(message).encode() + b"\0")
        self._requests.flush()
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return dict(answer["result"])
            self._note(answer)

    def _note(self, event: dict[str, Any]) -> None:
        kind, params = event.get("method"), event.get("params", {})
        if kind == "Runtime.exceptionThrown":
            self.complaints.append(str(params["exceptionDetails"]))
        elif kind == "Log.entryAdded":
            self.complaints.append(str(params["entry"]))
        elif kind == "Runtime.consoleAPICalled":
            self.complaints.append(str(params["args"]))
        elif kind == "Page.javascriptDialogOpening":
            self.complaints.append(f"dialog: {params}")

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            chunk = os.read(self._answers.fileno(), 1 << 20)
            assert chunk, "the browser ended"
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\0")
        return dict(json.loads(line))


@contextmanager
def open_browser(user: Path) -> Iterator[Page]:
    """Start a browser with its data in the folder `user`, and end it."""
    to_browser, from_browser = os.pipe(), os.pipe()
    pipes = f'exec "$0" "$@" 3<&{to_browser[0]} 4>&{from_browser[1]}'
    command = ["bash", "-c", pipes, str(CHROMIUM), *OPTIONS, f"--user-data-dir={user}"]
    ends = (to_browser[0], from_browser[1])
    process = subprocess.Popen(command, pass_fds=ends, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for end in ends:
        os.close(end)
    try:
        page = Page(from_browser[0], to_browser[1])
        yield page
        page.close()
        process.wait(30)
    finally:
        process.kill()
        process.wait()
