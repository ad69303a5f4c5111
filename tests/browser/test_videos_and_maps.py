"""What a reader switches on the page: annotated poses over the videos, the videos of a long list, maps by joint."""

from pathlib import Path

import numpy as np
import pytest

from tasks import report, score
from tasks.params.sections import Params
from tasks.reporting.figures.joint_maps import Joint, JointMap, JointMaps
from tasks.reporting.figures.panels import data_uri
from tasks.reporting.page import render_page
from tasks.reporting.run_facts import RunFacts
from tasks.tables import TABLES, write_table
from tasks.workspace import Workspace
from tests.browser.conftest import as_stage
from tests.comparison.conftest import write_run

NAMES = [f"{number:06d}_mpii_test" for number in range(1, 15)]


def steady(frame: int) -> dict[int, float]:
    return {5: 10.0, 6: 200.0}


@pytest.fixture(scope="module")
def many_videos(tmp_path_factory: pytest.TempPathFactory, params: Params) -> Path:
    """The page of 14 videos, two of which have a clip."""
    workspace = Workspace.of_repository(tmp_path_factory.mktemp("many"))
    write_run(workspace.data.parent, dict.fromkeys(NAMES, steady), tags={NAMES[13]: ["low_light"]})
    for name in ("images", "persons", "rejects"):
        write_table(TABLES[name], [], TABLES[name].path(workspace.tables))
    for name in NAMES:
        for table in ("detections", "poses", "recovered_poses"):
            write_table(TABLES[table], [], TABLES[table].path(workspace.tables, name))
    few = params.model_copy(update={"report": params.report.model_copy(update={"clip_count": 2})})
    with as_stage("score"):
        score.run(workspace, few)
    with as_stage("report"):
        report.run(workspace, few)
    return workspace.reports / "index.html"


def shown(page):
    return [figure.get_attribute("data-video") for figure in page.locator(".clips > figure:visible").all()]


def test_annotated_poses_are_drawn_over_a_clip_on_demand(run_page, open_page, screenshots):
    opened = open_page(run_page)
    page, canvas = opened.page, opened.page.locator(".timed canvas")
    assert canvas.count() == 0
    page.get_by_label("Draw annotated poses").check()
    assert [one.get_attribute("data-shown") for one in canvas.all()] == ["2", "2"]
    is_drawn = "(canvas) => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(Boolean)"
    assert canvas.first.evaluate(is_drawn)
    sides = canvas.first.evaluate("(canvas) => canvas.getBoundingClientRect().width / canvas.clientHeight")
    assert sides == pytest.approx(352 / 96, rel=0.02), "the canvas covers the picture, not the controls"
    page.locator("figure.timed").first.screenshot(path=screenshots / "annotated_poses.png")
    page.get_by_label("Draw annotated poses").uncheck()
    assert canvas.first.is_hidden()
    assert opened.problems == []


def test_annotated_poses_stand_where_they_are_annotated(run_page, open_page):
    page = open_page(run_page).page
    page.get_by_label("Draw annotated poses").check()
    inked = page.locator(".timed canvas").first.evaluate(
        """(canvas) => {
          const { data, width, height } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          const row = Math.round(50 / 96 * height);
          const columns = [...Array(width).keys()].filter((x) => data[4 * (row * width + x) + 3]);
          return [columns[0] / width * 352, columns[columns.length - 1] / width * 352];
        }"""
    )
    # persons are rows of keypoints, 8 px apart, at y = 50; the first begins at x = 10, the second ends at 200 + 16 * 8
    assert inked == pytest.approx([10, 328], abs=4)


def test_every_video_of_a_long_list_can_be_reached(many_videos, open_page):
    opened = open_page(many_videos)
    page = opened.page
    assert shown(page) == NAMES[:12]
    assert page.locator(".unscripted").is_hidden()
    assert page.get_by_text("Videos 1 to 12 of 14").is_visible()
    page.get_by_role("button", name="Next").click()
    assert shown(page) == NAMES[12:]
    assert page.locator(".clips > figure:visible .timeline").count() == 2
    assert page.get_by_text("No clip of this video was drawn; report.clip_count is 2.").count() == 12
    assert page.get_by_role("button", name="Next").is_disabled()
    page.get_by_label("Name or tag").fill("LOW LIGHT")
    assert shown(page) == [NAMES[13]]
    page.get_by_role("button", name=NAMES[4], exact=True).click()
    assert NAMES[4] in shown(page)
    assert page.evaluate("document.activeElement.dataset.video") == NAMES[4]
    page.get_by_label("Name or tag").fill("nobody")
    assert page.get_by_text("No such video").is_visible()
    assert opened.problems == []


def test_without_a_script_the_first_videos_and_a_sentence_are_there(many_videos, open_page):
    page = open_page(many_videos, java_script_enabled=False).page
    assert shown(page) == NAMES[:12]
    assert page.get_by_text("The other 2 videos can be seen here with JavaScript only.").is_visible()


@pytest.fixture
def maps_page(tmp_path: Path, params: Params) -> Path:
    picture = data_uri(np.full((40, 20, 3), 90, np.uint8))
    kinds = [JointMap(name, picture, (50.0, 25.0), "largest value 0.50") for name in ("S, unrefined", "C, refined")]
    joints = [Joint(name, (40.0, 25.0), kinds) for name in ("Nose", "Neck", "Left <knee>")]
    example = {"picture": picture, "caption": "a video", "maps": JointMaps(picture, 20, 40, joints)}
    figure = {"title": "Figure 4. Recovery", "reading": "", "nothing": "", "examples": [example]}
    workspace = Workspace.of_repository(tmp_path)
    for name in ("videos", "images", "persons"):
        write_table(TABLES[name], [], TABLES[name].path(workspace.tables))
    page = tmp_path / "index.html"
    page.write_text(render_page(RunFacts(workspace, params, [], [figure])))
    return page


@pytest.mark.parametrize("view", ["desktop", "phone"])
def test_maps_are_switched_joint_by_joint_by_mouse_and_keyboard(maps_page, open_page, view):
    opened = open_page(maps_page, view)
    page = opened.page
    visible = page.locator(".joint:visible .joint-name")
    assert visible.all_text_contents() == ["Nose"]
    assert page.locator(".map:visible").count() == 2, "S beside C"
    page.get_by_role("button", name="Left <knee>").click()
    assert visible.all_text_contents() == ["Left <knee>"]
    page.keyboard.press("ArrowRight")
    assert visible.all_text_contents() == ["Nose"]
    assert page.locator('.joint-names [aria-pressed="true"]').all_inner_texts() == ["Nose"]
    assert page.evaluate("document.activeElement.textContent") == "Nose"
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
    assert opened.problems == []


def test_without_a_script_the_maps_of_every_joint_are_there(maps_page, open_page):
    page = open_page(maps_page, java_script_enabled=False).page
    assert page.locator(".joint:visible .joint-name:visible").count() == 3
