"""Recovery a second time: on the Siamese network's own maps for table 7, or by another network (6.1)."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.recover import RecoverWork
from tasks.shards import map_shards
from tasks.tables.schemas import FRAMES, POSES, VIDEOS
from tasks.tracker_evaluation.videos import TrialVideo
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.params.sections import Params


def trials_without_refinement(workspace: Workspace, params: "Params", trials: list[TrialVideo]) -> list[TrialVideo]:
    """The same videos with poses recovered from S."""
    changed = params.model_copy(update={"recover": params.recover.model_copy(update={"maps": "siamese"})})
    return trials_recovered_again(workspace, changed, trials, name="ablate", refine=False)


def trials_recovered_again(
    workspace: Workspace,
    params: "Params",
    trials: list[TrialVideo],
    *,
    name: str,
    weights: Path | None = None,
    refine: bool = True,
) -> list[TrialVideo]:
    """The same videos recovered by other params or, where named, other weights of the correspondence network.

    Their tables lie in the working state, in the folder `name`. Only the trials' own box sources are walked, and the
    refinement network runs only where `refine`, since maps S do without.
    """
    scratch = replace(workspace, artifacts=workspace.state / name)
    _borrow_inputs(workspace.tables, scratch.tables)
    networks = {"pose": workspace.weights("pose"), "correspondence": weights or workspace.weights("correspondence")}
    sources = tuple(sorted({trial.box_source for trial in trials}))
    work = RecoverWork(workspace.data, scratch.tables, networks, params, box_sources=sources, refine=refine)
    shards = work.shards(trial.video_id for trial in trials)
    map_shards(work, shards, workspace=scratch, params=params)
    return [replace(trial, tables=scratch.tables) for trial in trials]


def _borrow_inputs(tables: Path, scratch: Path) -> None:
    """Show the tables that recovery reads in the scratch folder too; they are only read there."""
    scratch.mkdir(parents=True, exist_ok=True)
    for source in (VIDEOS.path(tables), FRAMES.path(tables), tables / POSES.name):
        link = scratch / source.name
        link.unlink(missing_ok=True)
        link.symlink_to(source.resolve())
