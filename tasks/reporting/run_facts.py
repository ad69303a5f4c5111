"""What the sections of the page read: the workspace of a run with its scores, provenance and clips."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from tasks.reporting import gather
from tasks.reporting.gather import Row
from tasks.stages import STAGES
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.params.sections import Params


@dataclass(frozen=True)
class Absent:
    """Why a section has nothing to show, as a sentence; the page lists it."""

    reason: str


@dataclass(frozen=True)
class RunFacts:
    """A finished run."""

    workspace: Workspace
    params: "Params"
    clips: Sequence[Row]
    """Rows video_id, path, poster, aspect, picture, caption, tags; paths relative to the page."""
    figures: Sequence[Row]
    """Rows title, reading, examples, nothing."""
    overlays: Mapping[str, str] = field(default_factory=dict)
    """Path of each overlay relative to the page, by its video."""

    @cached_property
    def scores(self) -> pd.DataFrame:
        """The table `scores`; no rows where nothing was scored."""
        return gather.read_frame(self.workspace, "scores")

    @cached_property
    def totals(self) -> dict[str, Row]:
        """Metrics by name of the `tracking` and the `merged` tracks; empty where nothing was scored."""
        return {row["tracks"]: row for row in self.headline}

    @cached_property
    def sequences(self) -> dict[str, int]:
        """How many videos are annotated, and over how many of them each metric is; by reports/scores.json."""
        return dict(self._json("scores.json").get("tracking", {}).get("sequences", {}))

    @cached_property
    def uncertainty(self) -> dict[str, Any]:
        """reports/uncertainty.json: intervals and ceiling."""
        return self._json("uncertainty.json")

    @cached_property
    def provenances(self) -> list[Row]:
        """Provenance of each stage that has run, in order."""
        return gather.provenances(self.workspace, STAGES)

    @cached_property
    def corpus(self) -> Row:
        """Sentence, is_annotated, is_demo."""
        return gather.corpus_facts(self.workspace)

    @cached_property
    def videos(self) -> list[Row]:
        """Counts of each tracked video."""
        return gather.video_rows(self.workspace)

    @property
    def is_scored(self) -> bool:
        """Whether any video was scored against ground truth."""
        return bool(self.headline)

    @cached_property
    def headline(self) -> list[Row]:
        """Totals of the tracks and of the merged tracks."""
        return gather.headline(self.scores)

    def interval(self, tracks: str, metric: str) -> list[float] | None:
        """Bounds of the 95 % interval over videos of a total, by the name in metrics.json."""
        bounds = self.uncertainty.get("intervals", {}).get(tracks, {}).get(metric)
        return list(bounds) if bounds else None

    def _json(self, name: str) -> dict[str, Any]:
        path = self.workspace.reports / name
        content = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        return content if isinstance(content, dict) else {}
