"""Debian's Firefox, driven by WebDriver BiDi over a socket of `websockets`, which comes with Prefect.

Playwright drives a Firefox of its own build only. See https://w3c.github.io/webdriver-bidi/ for the commands.
"""

import base64
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final

from websockets.sync.client import ClientConnection, connect

_SECONDS: Final = 120.0
"""For an answer: a first start on a busy machine is slow."""
_EVENTS: Final = ["log.entryAdded", "network.beforeRequestSent"]
_PREFERENCES: Final = 'user_pref("layout.css.prefers-color-scheme.content-override", {scheme});\n'
_DARK, _LIGHT = 0, 1


class FirefoxPage:
    """A page from disk, with what it reported and asked for."""

    def __init__(self, socket: ClientConnection) -> None:
        self.problems: list[str] = []
        self.requests: list[str] = []
        self._socket, self._numbers = socket, count()
        self._send("session.new", capabilities={})
        self._send("session.subscribe", events=_EVENTS)
        self._context = self._send("browsingContext.create", type="tab")["context"]

    def open(self, path: Path, width: int, height: int) -> None:
        """Load a page in a window of so many CSS pixels."""
        self.problems.clear()
        self.requests.clear()
        self._in_page("browsingContext.setViewport", viewport={"width": width, "height": height})
        self._in_page("browsingContext.navigate", url=path.as_uri(), wait="complete")

    def evaluate(self, expression: str) -> Any:
        """The value of an expression of JavaScript, which may be a promise, by way of JSON.

        Raises:
            ValueError: it raises.
        """
        asked = f"(async () => JSON.stringify(await ({expression})))()"
        target = {"context": self._context}
        answer = self._send("script.evaluate", expression=asked, target=target, awaitPromise=True)
        if answer["type"] == "exception":
            raise ValueError(f"{expression}: {answer['exceptionDetails']['text']}")
        return json.loads(answer["result"].get("value", "null"))

    def click(self, selector: str) -> None:
        """Click the middle of the first element of a CSS selector by the mouse."""
        script = (
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView({{ block: 'center',"
            " behavior: 'instant' }); const b = e.getBoundingClientRect();"
            " return [Math.round(b.x + b.width / 2), Math.round(b.y + b.height / 2)]; })()"
        )
        x, y = self.evaluate(script)
        steps = [{"type": "pointerMove", "x": x, "y": y}]
        steps += [{"type": kind, "button": 0} for kind in ("pointerDown", "pointerUp")]
        self._in_page("input.performActions", actions=[{"type": "pointer", "id": "mouse", "actions": steps}])

    def screenshot(self, path: Path, origin: str = "document") -> None:
        """Write the whole page, or what the window shows (`viewport`), as PNG."""
        path.write_bytes(base64.b64decode(self._in_page("browsingContext.captureScreenshot", origin=origin)["data"]))

    def print(self, path: Path) -> None:
        """Write what Firefox prints on A4, in cm, as PDF."""
        page = {"width": 21.0, "height": 29.7}
        path.write_bytes(base64.b64decode(self._in_page("browsingContext.print", page=page)["data"]))

    def _in_page(self, method: str, **params: Any) -> dict[str, Any]:
        return self._send(method, context=self._context, **params)

    def _send(self, method: str, **params: Any) -> dict[str, Any]:
        """The result of a command; what happens meanwhile is noted."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv(timeout=_SECONDS))
            if message.get("id") == number:
                break
            self._note(message.get("method"), message.get("params", {}))
        if message["type"] == "error":
            raise ValueError(f"{method}: {message['message']}")
        return dict(message["result"])

    def _note(self, event: str | None, facts: dict[str, Any]) -> None:
        if event == "log.entryAdded":
            self.problems.append(f"{facts['level']}: {facts['text']}")
        elif event == "network.beforeRequestSent":
            self.requests.append(facts["request"]["url"])


@contextmanager
def started_firefox(program: str, *, is_dark: bool = False) -> Iterator[FirefoxPage]:
    """A page of a Firefox with a fresh profile, which ends with the context.

    Raises:
        TimeoutError: it does not say where it listens.
    """
    with tempfile.TemporaryDirectory() as profile:
        (Path(profile) / "user.js").write_text(_PREFERENCES.format(scheme=_DARK if is_dark else _LIGHT))
        command = [program, "--headless", "--remote-debugging-port=0", "--profile", profile]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                with connect(_address(Path(profile)), max_size=None) as socket:
                    yield FirefoxPage(socket)
            finally:
                process.terminate()


def _address(profile: Path) -> str:
    """Where a started Firefox listens: it writes a file into its profile."""
    announced = profile / "WebDriverBiDiServer.json"
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end:
        try:
            facts = json.loads(announced.read_text())
            return f"ws://{facts['ws_host']}:{facts['ws_port']}/session"
        except (OSError, ValueError):  # not there yet, or not whole
            time.sleep(0.1)
    raise TimeoutError(f"{announced}: expected the address of Firefox within {_SECONDS:.0f} s, found none")
