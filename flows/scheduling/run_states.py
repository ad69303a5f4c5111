"""The states of the videos during one run of `reprocess`."""

from collections.abc import Iterable, Mapping, Sequence

import pyarrow.compute as pc

from flows.runtime.external_corpus import results_by_video
from flows.runtime.outcomes import StageOutcome
from flows.scheduling.corpus_look import seen_videos
from flows.scheduling.state_table import StateTable
from flows.scheduling.video_states import Seen
from tasks.errors import MachineError
from tasks.provenance import read_provenance
from tasks.tables import read_table, write_table
from tasks.tables.schemas import FRAMES, MERGED_TRACKS, REJECTS, VIDEOS
from tasks.workspace import Workspace


class RunStates:
    """Keeps the table of states true while a run goes on.

    Args:
        table: the table of the out folder.
        waiting: videos that this run leaves for the next one, by their names.
    """

    def __init__(self, table: StateTable, waiting: Mapping[str, Seen]) -> None:
        self._table, self._waiting = table, dict(waiting)

    def begin(self, workspace: Workspace, splits: Sequence[str]) -> list[str]:
        """Give every video its state by the index; gives the sentences to report of it.

        Those that are not tried again are taken out of the index, and noted there as rejects.
        """
        seen = seen_videos(workspace, splits) | self._waiting
        self._table.start(seen, _counts(workspace))
        whole = {video_id for video_id, sight in seen.items() if sight.sight == "whole"}
        held = {video_id: reason for video_id, reason in self._table.held_back().items() if video_id in whole}
        if held:
            _take_out(workspace, held)
        return [f"{state}: {', '.join(names)}" for state, names in self._table.named().items()]

    def begin_without_any(self, workspace: Workspace) -> None:
        """Give the videos their states where none of the corpus can be taken yet."""
        self._table.start(self._waiting, _counts(workspace))

    def go_on(self) -> None:
        """Note what waits, where nothing else has changed since the last run."""
        self._table.wait(self._waiting)

    def end(self, workspace: Workspace, outcomes: Iterable[StageOutcome]) -> None:
        """Note how the videos of a finished run ended."""
        rejected: dict[str, str] = {}
        notes: dict[str, str] = {}
        outcomes = list(outcomes)
        for outcome in outcomes:
            for row in read_provenance(workspace, outcome.stage).get("rejects", []):
                has_tracks = MERGED_TRACKS.path(workspace.tables, row["source"]).is_file()
                reasons = notes if has_tracks else rejected
                where = f"{outcome.stage}: {row['location']}".rstrip()
                reasons.setdefault(row["source"], f"{where} {row['reason']}")
        seconds = sum(outcome.seconds for outcome in outcomes)
        self._table.end(rejected, notes, _counts(workspace), seconds)

    def fault(self, error: BaseException) -> None:
        """Note that the run ended early, and which video was hit if one was."""
        fault = error if isinstance(error, MachineError) else error.__cause__
        video_id = fault.video_id if isinstance(fault, MachineError) else None
        self._table.fault(str(error) or type(error).__name__, video_id)


def _counts(workspace: Workspace) -> dict[str, int]:
    return {video_id: len(files) for video_id, files in results_by_video(workspace).items()}


def _take_out(workspace: Workspace, held: Mapping[str, str]) -> None:
    """Take videos out of the tables of the index; their files of earlier runs stay."""
    names = list(held)
    videos = read_table(VIDEOS, VIDEOS.path(workspace.tables))
    rows = read_table(REJECTS, REJECTS.path(workspace.tables)).to_pylist()
    advice = "not tried again until its bytes change or `corrtrack retry` asks for it"
    rows += [
        {"stage": "index", "source": name, "location": "", "reason": f"{reason}; {advice}"}
        for name, reason in held.items()
    ]
    frames = read_table(FRAMES, FRAMES.path(workspace.tables))
    for table, kept in ((VIDEOS, videos), (FRAMES, frames)):
        without = kept.filter(~pc.field("video_id").isin(names))
        write_table(table, without, table.path(workspace.tables))
    write_table(REJECTS, rows, REJECTS.path(workspace.tables))
