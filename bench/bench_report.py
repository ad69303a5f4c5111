"""How large the page of many videos is and how soon it opens: `python -m bench.bench_report [--out FILE.json]`.

Videos of 100 frames with eight annotated persons, labelled in every second frame, whose tracks change now and then; a
player of each shows the same clip. The page has no scores, pictures and paper's tables, whose size does not grow with
the corpus. Where there is no Chromium, nothing is opened.
"""

import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bench.measurements import options, show
from models.arrays import FloatArray
from models.keypoints import POSETRACK_KEYPOINTS
from tasks.code_files import REPOSITORY
from tasks.params.loading import load_params
from tasks.reporting.clips import poster_of, write_clip
from tasks.reporting.page import render_page
from tasks.reporting.run_facts import RunFacts
from tasks.tables import write_table
from tasks.tables.schemas import FRAMES, MERGED_TRACKS, TRACKS, VIDEOS
from tasks.workspace import Workspace

FRAME_COUNT, PERSONS, WIDTH, HEIGHT = 100, 8, 640, 360
CHANGED = 0.02
"""Share of the poses at which a person gets another track."""
ALLOWED_MB, ALLOWED_SECONDS = 20.0, 2.0


def main() -> None:
    """Measure, print, write JSON."""
    parser = options(__doc__)
    parser.add_argument("--videos", type=int, default=500)
    parser.add_argument("--keep", type=Path, help="a new folder in which the page stays")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="corrtrack-") as scratch:
        measured = measure(arguments.keep or Path(scratch), arguments.videos)
    show(measured, arguments.out)


def measure(folder: Path, count: int) -> dict[str, Any]:
    """Bytes of the page, and seconds to write and to open it."""
    workspace, params = Workspace.of_repository(folder), load_params(REPOSITORY / "params.yaml")
    names = [f"{number:06d}_mpii_test" for number in range(count)]
    write_videos(workspace, names)
    clip = workspace.reports / "clip.mp4"
    clip.parent.mkdir(parents=True)
    write_clip((np.full((HEIGHT, WIDTH, 3), level, np.uint8) for level in range(100)), clip, frames_per_second=25)
    files = {"path": clip.name, "poster": poster_of(clip).name}
    sides = {"picture": f"{WIDTH} / {HEIGHT}", "aspect": f"{WIDTH} / {HEIGHT + 115}"}
    facts = {"caption": "A clip.", "tags": []} | files | sides
    began = time.perf_counter()
    page = render_page(RunFacts(workspace, params, [{"video_id": name} | facts for name in names], []))
    seconds = time.perf_counter() - began
    path = workspace.reports / "index.html"
    path.write_text(page)
    return {
        "videos": count,
        "page, MB": len(page.encode()) / 1e6,
        "MB allowed": ALLOWED_MB,
        "seconds to write": seconds,
        **opening_seconds(path),
        "seconds allowed": ALLOWED_SECONDS,
    }


def opening_seconds(page: Path) -> dict[str, Any]:
    """From the request to the end of the load event in Debian's Chromium, of five visits by new windows.

    A busy machine lengthens them; the work of the page's thread is the time that it had a processor.
    """
    from playwright.sync_api import sync_playwright  # of the developers' packages

    program = shutil.which("chromium")
    if program is None:
        return {"seconds to open": "not measured: expected chromium, found none"}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        seconds, worked = [], []
        for _ in range(5):
            window = browser.new_page()
            protocol = window.context.new_cdp_session(window)
            protocol.send("Performance.enable", {"timeDomain": "threadTicks"})
            window.goto(page.absolute().as_uri(), wait_until="load")
            window.wait_for_function("performance.getEntriesByType('navigation')[0].loadEventEnd > 0")
            seconds.append(window.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd") / 1000)
            metrics = {entry["name"]: entry["value"] for entry in protocol.send("Performance.getMetrics")["metrics"]}
            worked.append(metrics["TaskDuration"])
            window.close()
        browser.close()
    return {"seconds to open": seconds, "of which the page's thread worked": worked}


def write_videos(workspace: Workspace, names: list[str]) -> None:
    """Annotations and tables of tracks."""
    folder = workspace.data / "posetrack/annotations/val"
    folder.mkdir(parents=True)
    videos, frames = [], []
    for number, name in enumerate(names):
        random = np.random.default_rng(number)
        xy = walks(random)
        images = [{"id": 1000 * number + i, "file_name": f"{name}/{i:06d}.jpg"} for i in range(FRAME_COUNT)]
        (folder / f"{name}.json").write_text(json.dumps(annotations(xy, images)))
        rows = list(track_rows(name, xy, random))
        write_table(TRACKS, rows, TRACKS.path(workspace.tables, name))
        merged = [row | {"track_id": row["track_id"] % 100, "source_track_id": row["track_id"]} for row in rows]
        write_table(MERGED_TRACKS, merged, MERGED_TRACKS.path(workspace.tables, name))
        facts: dict[str, Any] = {"video_id": name, "split": "val", "tags": []}
        facts |= {"source": f"posetrack/annotations/val/{name}.json", "width": WIDTH, "height": HEIGHT}
        facts |= {"media": f"{name}.mp4", "media_sha256": name}
        counts = {"frame_count": FRAME_COUNT, "labelled_frame_count": FRAME_COUNT // 2, "frames_per_second": 25.0}
        videos.append(facts | counts)
        frames += [
            {"video_id": name, "frame_index": i, "image_id": image["id"], "path": None, "is_labelled": i % 2 == 0}
            | {"file_name": image["file_name"], "ignore_regions": None, "seconds": None}
            for i, image in enumerate(images)
        ]
    write_table(VIDEOS, videos, VIDEOS.path(workspace.tables))
    write_table(FRAMES, frames, FRAMES.path(workspace.tables))


def walks(random: np.random.Generator) -> FloatArray:
    """Keypoints (frames, persons, 17, 2) px of persons who wander."""
    start = random.uniform([80, 80], [WIDTH - 80, HEIGHT - 80], (1, PERSONS, 2))
    way = np.cumsum(random.normal(0, 1.5, (FRAME_COUNT, PERSONS, 2)), axis=0)
    body = random.uniform([-20, -60], [20, 60], (1, PERSONS, 17, 2))
    return np.asarray(np.clip((start + way)[:, :, None] + body, 1, [WIDTH - 1, HEIGHT - 1]))


def annotations(xy: FloatArray, images: list[dict[str, Any]]) -> dict[str, Any]:
    """A file of PoseTrack18, every second frame labelled."""
    persons = [
        {
            **{"image_id": images[frame]["id"], "track_id": person, "bbox_head": [*pose[2].tolist(), 20, 25]},
            "keypoints": np.column_stack([pose, np.ones(17)]).ravel().tolist(),
        }
        for frame in range(0, FRAME_COUNT, 2)
        for person, pose in enumerate(xy[frame])
    ]
    listed = [image | {"is_labeled": index % 2 == 0} for index, image in enumerate(images)]
    category = {"id": 1, "name": "person", "keypoints": list(POSETRACK_KEYPOINTS)}
    return {"images": listed, "annotations": persons, "categories": [category]}


def track_rows(name: str, xy: FloatArray, random: np.random.Generator) -> Iterator[dict[str, Any]]:
    """A pose near each person in nine of ten frames; a changed track is 100 above the one before."""
    tracks = list(range(PERSONS))
    for frame, persons in enumerate(xy):
        for person, pose in enumerate(persons):
            tracks[person] += 100 * int(random.random() < CHANGED)
            if random.random() < 0.1:
                continue
            near = pose + random.normal(0, 1, pose.shape)
            yield {
                **{"video_id": name, "box_source": "detected", "frame_index": frame, "track_id": tracks[person]},
                **{"x": near[:, 0].tolist(), "y": near[:, 1].tolist(), "score": [0.9] * 17},
                **{"pose_id": person, "origin": "detected", "similarity": None},
            }


if __name__ == "__main__":
    main()
