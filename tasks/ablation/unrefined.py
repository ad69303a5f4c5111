"""Table 7 without the refinement network: recovery runs a second time, on the Siamese network's own maps."""

from dataclasses import replace
from pathlib import Path

from tasks.ablation.corpus import TrialVideo
from tasks.inference.video_shards import whole_videos
from tasks.params import Params
from tasks.recover import RecoverWork
from tasks.shards import map_shards
from tasks.tables.schemas import FRAMES, POSES, VIDEOS
from tasks.workspace import Workspace


def trials_without_refinement(workspace: Workspace, params: Params, trials: list[TrialVideo]) -> list[TrialVideo]:
    """The same videos with poses recovered from S; their tables lie in the working state."""
    scratch = replace(workspace, artifacts=workspace.state / "ablate")
    _borrow_inputs(workspace.tables, scratch.tables)
    changed = params.model_copy(update={"recover": params.recover.model_copy(update={"maps": "siamese"})})
    weights = (workspace.weights("pose"), workspace.weights("correspondence"))
    work = RecoverWork(workspace.data, scratch.tables, *weights, changed)
    videos = whole_videos(scratch.tables, [trial.video_id for trial in trials], POSES)
    map_shards(work, videos, workspace=scratch, params=changed)
    return [replace(trial, tables=scratch.tables) for trial in trials]


def _borrow_inputs(tables: Path, scratch: Path) -> None:
    """Show the tables that recovery reads in the scratch folder too; they are only read there."""
    scratch.mkdir(parents=True, exist_ok=True)
    for source in (VIDEOS.path(tables), FRAMES.path(tables), tables / POSES.name):
        link = scratch / source.name
        link.unlink(missing_ok=True)
        link.symlink_to(source.resolve())
