"""The page of a run: it needs nothing but its folder, and shows the same numbers as the files, wherever it is read."""

import base64
import csv
import io
import json
from itertools import pairwise
from pathlib import Path

import pytest

from tests.opened_pages import CONTRAST

WIDTHS = """(all) => Promise.all(all.map((address) => new Promise((done) => {
  const picture = new Image();
  picture.onload = () => done(picture.naturalWidth);
  picture.onerror = () => done(0);
  picture.src = address;
})))"""


@pytest.mark.parametrize("view", ["desktop", "phone", "dark", "print"])
def test_the_page_opens_without_a_problem_and_fits(run_page, open_page, screenshots, view):
    opened = open_page(run_page, view)
    opened.page.screenshot(path=screenshots / f"report_{view}.png", full_page=True)
    assert opened.problems == []
    assert opened.hosts == []
    width = opened.page.viewport_size["width"]
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width


def test_paper_has_open_folds_and_no_players_and_the_screen_has_them_again(run_page, open_page):
    page = open_page(run_page).page
    counts = "['details[open]', 'video[controls]'].map((name) => document.querySelectorAll(name).length)"
    folds = page.locator("details").count()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(counts) == [folds, 0]
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(counts) == [0, 2]


def test_the_page_is_printed_without_what_paper_cannot_do(run_page, open_page, screenshots):
    page = open_page(run_page, "print").page
    page.pdf(path=screenshots / "report.pdf", format="A4")
    for screen_only in ("nav", ".files", ".chooser"):
        assert page.locator(screen_only).first.is_hidden()
    assert page.locator("svg rect.bar").first.is_visible()
    cut = page.evaluate(
        "[...document.querySelectorAll('.scroll')].filter((e) => e.scrollWidth > e.clientWidth + 1).length"
    )
    assert cut == 0, "a table that does not fit loses columns on paper"


@pytest.mark.parametrize("view", ["desktop", "dark"])
def test_every_text_stands_out_from_the_paper(run_page, open_page, view):
    assert open_page(run_page, view).page.evaluate(CONTRAST) >= 4.5


def test_the_headline_is_that_of_metrics_json(run_page, open_page):
    metrics = json.loads((run_page.parent / "metrics.json").read_text())
    page = open_page(run_page).page
    for key, name in (("tracking", "Tracks"), ("merged", "Merged tracks")):
        for metric in ("mAP", "MOTA", "HOTA"):
            shown = page.locator(f'[data-metric="{name} {metric}"]').inner_text()
            assert shown == f"{metrics[key][metric]:.1f}"
    errors = page.locator("table", has=page.get_by_text("Errors.")).locator("tbody tr")
    counts = {(row.locator("th").inner_text(), row.locator("td").nth(0).inner_text()): row for row in errors.all()}
    switches = counts["Identity switches", "Tracks"].locator("td")
    assert switches.nth(1).inner_text() == str(metrics["tracking"]["id_switches"])
    assert switches.nth(3).inner_text() == f"{metrics['tracking']['id_switches'] / 15:.1f}"


def test_a_table_is_sorted_by_mouse_and_by_keyboard(run_page, open_page):
    page = open_page(run_page).page
    table = page.locator("#paper table").first
    heading = table.get_by_role("button", name="MOTA").first
    column = 1 + [cell.inner_text() for cell in table.locator("thead tr").last.locator("th").all()].index("MOTA")

    def values() -> list[float]:
        return [float(text) for text in table.locator(f"tbody tr > :nth-child({column})").all_inner_texts()]

    before = values()
    heading.click()
    assert values() == sorted(before, reverse=True) != before
    heading.focus()
    page.keyboard.press("Enter")
    assert values() == sorted(before)
    assert table.locator('th[aria-sort="ascending"]').count() == 1


def test_the_best_value_of_a_column_is_bold(run_page, open_page):
    table = open_page(run_page).page.locator("#table_7 ~ div table").first
    rows = {row.locator("th").inner_text(): row for row in table.locator("tbody tr").all()}
    assert rows["Correspondence tracking"].locator("strong").all_inner_texts() == ["78.0", "67.9", "3632"] * 2
    assert rows["Without refinement"].locator("strong").count() == 0


def test_every_published_system_of_tables_4_and_5_stands_there(run_page, open_page):
    published = json.loads((Path(__file__).parents[2] / "tasks/ablation/published.json").read_text())
    page = open_page(run_page).page
    for name in ("table_4", "table_5"):
        text = page.locator(f"#{name} ~ div table").first.inner_text()
        for row in published[name]:
            if not row["method"].startswith("the paper"):
                assert row["method"] in text
            assert row["mAP"] is None or f"{row['mAP']:.1f}" in text


def test_a_table_is_handed_out_as_a_file(run_page, open_page):
    page = open_page(run_page).page
    with page.expect_download() as download:
        page.locator("#table_6 ~ p.files").first.get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename == "table_6.csv"
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text())))
    assert [row["MOTA (PoseTrack17 val)"] for row in rows] == ["67.9", "67.9", "67.9", "67.9", "67.8"]
    address = page.locator("#table_6 ~ p.files").first.get_by_role("link", name="LaTeX").get_attribute("href")
    assert "\\begin{tabular}{lrrrr}" in base64.b64decode(address.partition("base64,")[2]).decode()


def test_the_clip_at_the_top_plays_and_every_clip_has_a_poster(run_page, open_page):
    page = open_page(run_page).page
    page.wait_for_function(
        "document.querySelector('.hero video').currentTime > 0 || document.querySelector('.hero video').ended"
    )
    button = page.locator(".hero button")
    button.click()
    assert page.evaluate("document.querySelector('.hero video').paused")
    button.filter(has_text="Play").wait_for()  # the player reports a pause some time after it
    posters = [clip.get_attribute("poster") for clip in page.locator("video").all()]
    assert len(posters) == 3
    sizes = page.evaluate(WIDTHS, posters)
    assert min(sizes) > 0


def test_who_wants_less_motion_starts_the_clip(run_page, open_page):
    page = open_page(run_page, reduced_motion="reduce").page
    page.wait_for_timeout(300)
    assert page.evaluate("document.querySelector('.hero video').paused")


def test_names_from_data_stay_text(run_page, open_page):
    opened = open_page(run_page)
    assert opened.page.get_by_text("000001_<b>\"'&").count() >= 2
    assert opened.page.get_by_text("<script>alert(1)</script>").count() >= 1
    assert opened.problems == []


def test_the_page_can_be_heard_and_walked_by_keyboard(run_page, open_page):
    page = open_page(run_page).page
    levels = page.evaluate("[...document.querySelectorAll('h1, h2, h3, h4')].map((e) => Number(e.tagName[1]))")
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels)), "no level is left out"
    assert page.locator("img:not([alt]), svg[role=img]:not([aria-label]), video:not([aria-label])").count() == 0
    assert page.locator("svg.chart").count() == page.locator("svg[role=img]").count() > 10
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    unreachable = page.evaluate("[...document.querySelectorAll('.scroll')].filter((e) => e.tabIndex !== 0).length")
    assert unreachable == 0


def test_without_a_script_every_number_and_chart_is_there(run_page, open_page):
    page = open_page(run_page, java_script_enabled=False).page
    assert page.locator("#table_3 ~ div svg").first.is_visible()
    assert page.locator("#joints svg").first.is_visible()
    assert page.locator("[data-metric]").count() == 6


def test_the_scorers_warnings_are_folded_with_their_count(run_page, open_page):
    page = open_page(run_page).page
    warning = page.get_by_text("poseval counts <b>ears</b>.")
    assert warning.is_hidden()
    page.get_by_text("Warnings of the scorer: 1").click()
    assert warning.is_visible()


def test_a_switch_on_the_timeline_leads_the_clip_to_its_frame(run_page, open_page, screenshots):
    opened = open_page(run_page)
    page = opened.page
    figure = page.locator("figure.timed").first
    clip, cursor = figure.locator("video"), figure.locator(".cursor")
    mark = figure.get_by_role("button", name="Frame 2: 15 joints of person 0 switch to track 7")
    before = cursor.get_attribute("transform")
    mark.click()
    page.wait_for_function("document.querySelector('.timed video').currentTime > 2 / 12")
    assert clip.evaluate("(clip) => Math.floor(clip.currentTime * 12)") == 2, "the clip has 12 frames in a second"
    page.wait_for_function(
        "(x) => document.querySelector('.timed .cursor').getAttribute('transform') !== x", arg=before
    )
    clip.evaluate("(clip) => { clip.currentTime = 0; }")
    mark.press("Enter")
    page.wait_for_function("document.querySelector('.timed video').currentTime > 2 / 12")
    figure.get_by_text("Worst moments").click()
    figure.get_by_role("button", name="Frame 3").click()
    page.wait_for_function("document.querySelector('.timed video').currentTime > 3 / 12")
    figure.screenshot(path=screenshots / "timeline.png")
    assert opened.problems == []
