"""Pages opened in a real browser: Debian's Chromium, driven by Playwright.

Without a browser the tests of pages are skipped, except where CORRTRACK_BROWSER names the browser that must be there,
as under .ci/run. Screenshots stay in .corrtrack/screenshots, or in the folder CORRTRACK_SCREENSHOTS.

The fixtures are registered once, by tests/conftest.py: Playwright refuses a second instance beside a running one.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parents[1]
VIEWS: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 900}},
    "phone": {"viewport": {"width": 390, "height": 844}},
    "dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    "print": {"viewport": {"width": 794, "height": 1123}},
}
CONTRAST = """() => {
  const linear = (v) => v <= 0.03928 * 255 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4;
  const light = (colour) => {
    const [red, green, blue] = colour.match(/[\\d.]+/g).map(Number).map(linear);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05;
  };
  const paper = light(getComputedStyle(document.body).backgroundColor);
  const texts = [...document.querySelectorAll("a:not(.skip), p, td, th, caption, figcaption, summary, .verdict, dt")];
  const inks = texts.map((text) => light(getComputedStyle(text).color));
  return Math.min(...inks.map((ink) => Math.max(ink, paper) / Math.min(ink, paper)));
}"""
"""The least contrast of any text with the page, in JavaScript."""


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    from playwright.sync_api import sync_playwright  # half a second that most tests do without

    wanted = os.environ.get("CORRTRACK_BROWSER")
    path = wanted or shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("no Chromium on this machine; `apt install chromium` gives one")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


class OpenPage:
    """A page from disk, with what it reported and asked for."""

    def __init__(self, page: "Page", path: Path) -> None:
        self.page = page
        self.problems: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self.problems.append(message.text))
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("dialog", lambda dialog: self.problems.append(f"dialog {dialog.message}"))
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("requestfailed", lambda request: self.problems.append(f"failed {request.url}"))
        page.goto(path.as_uri(), wait_until="load")

    @property
    def hosts(self) -> list[str]:
        """Addresses outside the disk and the page."""
        return [address for address in self.requests if not address.startswith(("file:", "data:"))]


@pytest.fixture
def open_page(browser: "Browser") -> Iterator[Callable[..., OpenPage]]:
    contexts = []

    def opened(path: Path, view: str = "desktop", **options: Any) -> OpenPage:
        context = browser.new_context(**(VIEWS[view] | options))
        contexts.append(context)
        page = context.new_page()
        if view == "print":
            page.emulate_media(media="print")
        return OpenPage(page, path)

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def screenshots() -> Path:
    folder = Path(os.environ.get("CORRTRACK_SCREENSHOTS") or ROOT / ".corrtrack/screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
