"""Recovery, repeated on the maps S of the Siamese network for Table 7 or with another network (6.1)."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.recover import RecoverWork
from tasks.shards import map_shards
from tasks.tables.schemas import FRAMES, POSES, VIDEOS
from tasks.tracker_evaluation.videos import EvaluationVideo
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.params.sections import Params


def recovered_without_refinement(
    workspace: Workspace, params: "Params", videos: list[EvaluationVideo]
) -> list[EvaluationVideo]:
    """The same videos with poses recovered from S."""
    changed = params.model_copy(update={"recover": params.recover.model_copy(update={"maps": "siamese"})})
    return recovered_again(workspace, changed, videos, name="ablate", refine=False)


def recovered_again(
    workspace: Workspace,
    params: "Params",
    videos: list[EvaluationVideo],
    *,
    name: str,
    weights: Path | None = None,
    refine: bool = True,
) -> list[EvaluationVideo]:
    """The same videos, recovered with other params or, where given, other weights of the correspondence network.

    Their tables are written to the folder `name` of the working state. Only the box sources of the videos are read, and
    the refinement network runs only where `refine` is set, since the maps S do not need it.
    """
    scratch = replace(workspace, artifacts=workspace.state / name)
    _link_inputs(workspace.tables, scratch.tables)
    networks = {"pose": workspace.weights("pose"), "correspondence": weights or workspace.weights("correspondence")}
    sources = tuple(sorted({video.box_source for video in videos}))
    work = RecoverWork(workspace.data, scratch.tables, networks, params, box_sources=sources, refine=refine)
    shards = work.shards(video.video_id for video in videos)
    map_shards(work, shards, workspace=scratch, params=params)
    return [replace(video, tables=scratch.tables) for video in videos]


def _link_inputs(tables: Path, scratch: Path) -> None:
    """Link the tables that recovery reads into the scratch folder."""
    scratch.mkdir(parents=True, exist_ok=True)
    for source in (VIDEOS.path(tables), FRAMES.path(tables), tables / POSES.name):
        link = scratch / source.name
        link.unlink(missing_ok=True)
        link.symlink_to(source.resolve())
