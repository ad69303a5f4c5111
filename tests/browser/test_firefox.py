"""The page in Debian's Firefox, which lays out, plays and prints by its own rules.

Without Firefox these tests are skipped, except where CORRTRACK_FIREFOX names it, as under .ci/run.
"""

import os
import shutil
from collections.abc import Iterator

import pytest

from tests.firefox import FirefoxPage, started_firefox
from tests.opened_pages import CONTRAST

SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
CODEC = 'video/mp4; codecs="avc1.42E01E"'
TIME = "document.querySelector('.timed video').currentTime"


@pytest.fixture(scope="module")
def program() -> str:
    path = os.environ.get("CORRTRACK_FIREFOX") or shutil.which("firefox-esr") or shutil.which("firefox")
    if path is None:
        pytest.skip("no Firefox on this machine; `apt install firefox-esr` gives one")
    return path


@pytest.fixture(scope="module")
def firefox(program: str) -> Iterator[FirefoxPage]:
    with started_firefox(program) as page:
        yield page


def until(condition: str) -> str:
    """A promise that is kept once `condition` holds."""
    return f"new Promise((done) => {{ const look = () => {condition} ? done(true) : setTimeout(look, 50); look(); }})"


@pytest.mark.parametrize("view", SIZES)
def test_the_page_opens_without_a_problem_and_fits(firefox, run_page, screenshots, view):
    firefox.open(run_page, *SIZES[view])
    firefox.screenshot(screenshots / f"firefox_{view}.png")
    assert firefox.problems == []
    assert [address for address in firefox.requests if not address.startswith("data:")] == []
    assert firefox.evaluate("document.documentElement.scrollWidth") <= SIZES[view][0]
    firefox.evaluate(
        "new Promise((done) => { const it = new Image(); it.onerror = done; it.src = 'http://127.0.0.1:1234/'; })"
    )
    assert "http://127.0.0.1:1234/" in firefox.requests, "a request to a host would have been seen"


def test_a_click_sorts_a_table(firefox, run_page):
    firefox.open(run_page, *SIZES["desktop"])
    values = "[...document.querySelectorAll('#table_7 ~ div tbody')][0].innerText"
    before = firefox.evaluate(values)
    firefox.click("#table_7 ~ div th.number button")
    assert firefox.evaluate(values) != before
    assert firefox.evaluate("document.querySelectorAll('th[aria-sort=descending]').length") == 1


def test_clips_play_and_a_switch_leads_to_its_frame(firefox, run_page, screenshots):
    firefox.open(run_page, *SIZES["desktop"])
    if not firefox.evaluate(f"document.createElement('video').canPlayType({CODEC!r})"):
        pytest.skip("this Firefox has no decoder of H.264; the package libavcodec-extra gives one")
    assert firefox.evaluate(until("document.querySelector('.hero video').currentTime > 0"))
    firefox.click(".timed .switch path")
    assert firefox.evaluate(until(f"{TIME} > 2 / 12"))
    assert firefox.evaluate(f"Math.floor({TIME} * 12)") == 2, "the clip has 12 frames in a second"
    firefox.click(".annotated")
    assert firefox.evaluate(until("document.querySelector('.timed canvas')?.dataset.shown === '2'"))
    firefox.screenshot(screenshots / "firefox_annotated_poses.png", origin="viewport")
    assert firefox.problems == []


def test_the_page_is_printed(firefox, run_page, screenshots):
    firefox.open(run_page, *SIZES["desktop"])
    firefox.print(screenshots / "firefox.pdf")
    assert (screenshots / "firefox.pdf").read_bytes().startswith(b"%PDF")
    assert firefox.evaluate("document.querySelectorAll('details[open]').length") == 0, "folds are as they were"
    assert firefox.evaluate("document.querySelectorAll('.clips video[controls]').length") == 2


def test_every_text_stands_out_in_the_dark(program, run_page, screenshots):
    with started_firefox(program, is_dark=True) as page:
        page.open(run_page, *SIZES["desktop"])
        page.screenshot(screenshots / "firefox_dark.png")
        assert page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
        assert page.evaluate(f"({CONTRAST})()") >= 4.5
