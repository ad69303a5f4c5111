"""All figures of a run, for the page and as reports/figures.json."""

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from tasks.frames import FrameError
from tasks.progress import current
from tasks.reporting.figures.examples import PaperFigure
from tasks.reporting.figures.panels import data_uri
from tasks.reporting.figures.propagated_poses import figure_6
from tasks.reporting.figures.recovered_poses import figure_4, figure_10, recovered_poses
from tasks.reporting.figures.recovery_maps import RecoveryMaps
from tasks.reporting.figures.tracked_video import ReportedVideo, tracked_videos
from tasks.reporting.figures.tracking_failures import figure_9
from tasks.tracker_evaluation.optical_flow import flow_of
from tasks.whole_files import write_whole
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.params.sections import Params


def draw_figures(workspace: Workspace, params: "Params") -> list[dict[str, Any]]:
    """Draw the figures, write reports/figures.json (examples without pictures), and return what the page shows."""
    figures = list(_figures(workspace, params))
    written = [
        {"figure": figure.number, "nothing": figure.nothing, "examples": [example.facts for example in figure.examples]}
        for figure in figures
    ]
    text = json.dumps(written, indent=2, allow_nan=False) + "\n"
    write_whole(workspace.reports / "figures.json", text)
    return [_shown(figure) for figure in figures]


def _figures(workspace: Workspace, params: "Params") -> Iterator[PaperFigure]:
    videos = tracked_videos(workspace)
    if not videos:
        return
    weights = workspace.weights("correspondence")
    threshold = params.track.output_keypoint_threshold
    recovered = recovered_poses(videos)
    makers: Sequence[Callable[[], PaperFigure]] = (
        lambda: figure_4(recovered, RecoveryMaps(weights, params.recover) if weights.is_file() else None),
        partial(_propagated, videos, params),
        lambda: figure_9(videos, keypoint_threshold=threshold),
        lambda: figure_10(recovered, keypoint_threshold=threshold),
    )
    for make in makers:
        try:
            yield make()
        except FrameError as error:
            current().notice(f"A figure of the report is left out: {error}")


def _propagated(videos: Sequence[ReportedVideo], params: "Params") -> PaperFigure:
    return figure_6(
        videos,
        flow_of(params.ablate),
        maps=params.track.maps,
        keypoint_threshold=params.track.query_keypoint_threshold,
    )


def _shown(figure: PaperFigure) -> dict[str, Any]:
    examples = [
        {"picture": data_uri(example.picture), "caption": example.caption, "maps": example.maps}
        for example in figure.examples
    ]
    return {"title": figure.title, "reading": figure.reading, "nothing": figure.nothing, "examples": examples}
