"""`corrtrack sweep`: a grid of params, run as DVC experiments in a clone of the checkout, and judged."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from flows.command_records import record_command, run_source
from flows.runtime.exclusive_run import exclusive_run, run_lock
from flows.runtime.outcomes import ExitCode, StageFailedError, StageOutcome
from flows.runtime.pipeline import Pipeline, PipelineError, dvc_status, read_pipeline
from flows.runtime.process_runner import ProcessRunner
from flows.runtime.recorded_runs import find_version
from flows.runtime.repository import Repository
from flows.runtime.run_plan import PlannedStage, chosen_stages, planned_stages, recorded_params
from flows.runtime.run_servers import RunServers, needs_ray
from flows.sweeping.checkout import prepare_checkout, sweep_state, update_over_tables, update_point
from flows.sweeping.experiments import Experiments
from flows.sweeping.points import Point, points_of_grid
from flows.sweeping.table_points import NAME, TABLE_STAGES
from tasks.comparison.grid import TRACKS_ONLY, GridRow, ParamsGrid, score_tracking, score_version, sweep_videos
from tasks.comparison.versions import TABLES, Version
from tasks.errors import InputError
from tasks.params.loading import load_params
from tasks.stages import STAGES

_LAST: Final = "score"
"""The stage that ends a point."""
_WORTH_RAY: Final = ("detect", "estimate", "recover")
_PATIENCE_SECONDS: Final = 2.0


@dataclass(frozen=True)
class SweepRequest:
    """What the user asked for."""

    settings: tuple[str, ...]
    """Texts of the form "section.key=value,value,..."."""
    seeds: int = 1
    """Runs of each row."""
    split: str | None = None
    """Annotated videos that judge: train or val; None for train, and for val where a point trains a network."""
    kind: str = "merged tracks"
    """Which tracks are judged."""
    resamples: int = 1000
    """Draws of the bootstrap."""


class Sweep:
    """The grid of a request on a checkout.

    Raises:
        InputError: the request does not fit params.yaml or the pipeline.
    """

    def __init__(self, repository: Repository, request: SweepRequest) -> None:
        self.repository, self.request = repository, request
        self.pipeline = read_pipeline(repository.root / "dvc.yaml")
        chosen = chosen_stages(self.pipeline, first=None, last=_LAST)
        self.stages = [stage for stage in self.pipeline.stages if stage in chosen]
        """What a point may have to run."""
        sections = {section for stage in self.stages for section in self.pipeline.params[stage]}
        text = repository.params.read_text(encoding="utf-8")
        self.rows = points_of_grid(text, request.settings, seeds=request.seeds, sections=sections)
        """Points by row, what they are compared with first, then by seed."""
        self.points = [point for of_seed in zip(*self.rows, strict=True) for point in of_seed]
        """The same, seed by seed: what depends on the seed alone then stays as it is from point to point."""
        self.versions: dict[str, Version] = {}
        """The finished runs, by name of the point."""
        self.rejected: dict[str, str] = {}
        """Why points were not run, by name; their rows of the grid are not judged."""

    def split(self) -> str:
        """The annotated videos that judge."""
        return self.request.split or ("val" if self._trains() else "train")

    def run(self, console: Console) -> ParamsGrid:
        """Make the experiments that are not there yet, and judge all; a sweep that was stopped continues.

        Raises:
            InputError: the checkout has changes or no finished run, another sweep goes on, too few videos judge, or
                rejected points leave nothing to compare.
            StageFailedError: a stage of a point ended with an error that is not of its input.
            StoppedError: SIGINT or SIGTERM came.
        """
        experiments = Experiments.of_checkout(self.repository)
        if missing := [point for point in self.points if experiments.find(point) is None]:
            self._make(experiments, missing, console)
        points = [point for row in self._accepted_rows() for point in row]
        refs = {point.name: experiments.find(point) or experiments.baseline for point in points}
        self.versions = {name: find_version(self.repository, ref) for name, ref in refs.items()}
        return self._judged()

    def record(self, page: Path) -> None:
        """Note what the page of the grid that `run` made, and its JSON, come from."""
        runs = [run_source(self.repository, version) | {"title": name} for name, version in self.versions.items()]
        record_command(self.repository.root, "sweep", [page, page.with_suffix(".json")], runs)

    def in_memory(self) -> ParamsGrid:
        """The grid without experiments, from the tables of the finished run: the stage `track` alone, before merging.

        Raises:
            InputError: a key is not of the section track, more than one seed is asked for, or tables lack.
        """
        others = [key for key in self.rows[-1][0].values if not key.startswith("track.")]
        if others or self.request.seeds > 1:
            what = f"--set {others[0]}" if others else f"--seeds {self.request.seeds}"
            raise InputError(f"--in-memory: expected keys of the section track alone and one seed, got {what}")
        sources = self.rows[0][0].params.detect.box_sources
        source = "detected" if "detected" in sources else sources[0]
        videos = sweep_videos(self.repository.workspace, self.split(), source)
        if len(videos) < 2:
            raise InputError(
                f"{self.repository.workspace.tables}: expected at least two annotated videos of the split "
                f"{self.split()} with poses and affinities, got {len(videos)}; run `corrtrack reproduce`"
            )
        rows = [
            GridRow(row[0].values, (), {TRACKS_ONLY: (score_tracking(videos, row[0].params.track),)})
            for row in self.rows
        ]
        return self._grid(rows, TRACKS_ONLY)

    def plan(self) -> list[dict[str, Any]]:
        """For each point: its name, whether its experiment is there, the stages it runs and their last seconds.

        Raises:
            InputError: as `run` does, or another DVC command holds the checkout.
        """
        experiments = Experiments.of_checkout(self.repository)
        try:
            status = dvc_status(self.repository, waits=False)
        except PipelineError as error:
            if "lock" not in str(error):
                raise
            raise InputError(
                f"{self.repository.root}: expected no other DVC command at work here, got one that holds DVC's lock; "
                "try again when it has ended"
            ) from None
        rows = []
        for point, plan in zip(self.points, self._planned(self.repository, status, self.points), strict=True):
            planned = [] if experiments.find(point) else plan
            seconds = [part.last_seconds for part in planned if part.last_seconds is not None]
            rows.append(
                {
                    "name": point.name,
                    "is_there": bool(experiments.find(point)),
                    "stages": [part.stage for part in planned],
                    "last_seconds": sum(seconds),
                }
            )
        return rows

    def _make(self, experiments: Experiments, points: Sequence[Point], console: Console) -> None:
        """Run the points one after the other in the clone, each an experiment as soon as it is finished.

        One whose input is rejected is noted, and the others go on.
        """
        state = sweep_state(self.repository)
        command = "corrtrack sweep"
        with run_lock(state / "run.lock", command=command, patience_seconds=_PATIENCE_SECONDS):
            clone = prepare_checkout(self.repository, experiments.baseline, self.stages)
            status = dvc_status(clone)
            planned = {part.stage for plan in self._planned(clone, status, points) for part in plan}
            is_over_tables = planned <= set(TABLE_STAGES) and points[0].params.compute.address is None
            names = [NAME] if is_over_tables else [point.name for point in points]
            with (
                exclusive_run(clone, console, names, command=command) as runner,
                RunServers(runner, points[0].params, has_prefect=True) as servers,
            ):
                if is_over_tables:
                    self.rejected = update_over_tables(runner, experiments, points)
                    return
                for point in points:
                    (plan,) = self._planned(clone, status, [point])
                    if self._is_accepted(runner, servers, point, [part.stage for part in plan]):
                        experiments.save(point.name, clone.root)
                    status = {}

    def _is_accepted(self, runner: ProcessRunner, servers: RunServers, point: Point, planned: Sequence[str]) -> bool:
        """Run one point; False where its input is rejected, which is noted."""
        try:
            self._update(runner, servers, point, planned)
        except StageFailedError as error:
            if error.exit_code != ExitCode.BAD_INPUT:
                raise
            runner.view.clear(point.name)
            runner.view.report(f"{point.name}: rejected")
            self.rejected[point.name] = str(error)
            return False
        return True

    def _update(self, runner: ProcessRunner, servers: RunServers, point: Point, planned: Sequence[str]) -> StageOutcome:
        """One point, on a Ray node where networks run over videos; the node is kept for the next points."""
        waiting = [stage for stage in planned if needs_ray(stage, point.params)]
        on_ray = point.params.compute.address is not None or any(stage in _WORTH_RAY for stage in waiting)
        environment: dict[str, str] = {}
        if on_ray and waiting:
            servers.start_for(waiting)
            environment = servers.environment_of(waiting[0])
        return update_point(runner, point, self.stages, on_ray=on_ray, environment=environment)

    def _planned(
        self, repository: Repository, status: Mapping[str, Any], points: Sequence[Point]
    ) -> list[list[PlannedStage]]:
        """For each point, the stages that are stale by its params in `repository`."""
        recorded = recorded_params(repository.root / "dvc.lock")
        plans = []
        for point in points:
            params = point.params.model_dump(mode="json")
            plan = planned_stages(self.pipeline, status, params, recorded, repository.workspace)
            plans.append([part for part in plan if part.stage in self.stages])
        return plans

    def _accepted_rows(self) -> list[list[Point]]:
        """The rows of which no point was rejected.

        Raises:
            InputError: what the others are compared with is not among them, or no other is.
        """
        rows = [row for row in self.rows if not any(point.name in self.rejected for point in row)]
        if len(rows) < 2 or rows[0] is not self.rows[0]:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in self.rejected.items())
            raise InputError(f"expected two points to compare, the first with {self.rows[0][0].name}, got {reasons}")
        return rows

    def _judged(self) -> ParamsGrid:
        """The finished runs, scored on the same videos."""
        split = self.split()
        rows = []
        for row in self._accepted_rows():
            versions = [self.versions[point.name] for point in row]
            scores = {kind: tuple(score_version(version, split, kind) for version in versions) for kind in TABLES}
            rows.append(GridRow(row[0].values, tuple(point.name for point in row), scores))
        return self._grid(rows, self.request.kind)

    def _grid(self, rows: Sequence[GridRow], kind: str) -> ParamsGrid:
        seed = load_params(self.repository.params).run.seed
        return ParamsGrid(rows[0], rows[1:], kind=kind, resamples=self.request.resamples, seed=seed)

    def _trains(self) -> bool:
        """Whether a point trains a network, which then knows its training videos."""
        present = self.rows[0][0].params
        return any(
            getattr(point.params, section) != getattr(present, section)
            for point in self.points
            for section in _training_sections(self.pipeline, self.stages)
        )


def _training_sections(pipeline: Pipeline, stages: Sequence[str]) -> Iterator[str]:
    """Sections of params.yaml on which a stage that trains, or one before it, depends."""
    training = [stage for stage in stages if stage in STAGES and STAGES[stage].trains]
    for stage in {name for trained in training for name in pipeline.with_upstream(trained)}:
        yield from pipeline.params[stage]
