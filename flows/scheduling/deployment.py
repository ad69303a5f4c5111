"""The flow that a Prefect deployment runs: one occurrence of a schedule.

`corrtrack schedule` serves it; `prefect.yaml` deploys it to a work pool of your own.
"""

from datetime import UTC, datetime
from pathlib import Path

from prefect import flow, runtime
from prefect.client.schemas import State
from prefect.states import Completed, Failed
from rich.console import Console

from flows.reprocess_request import ReprocessRequest
from flows.runtime.prefect_program import return_to_users_folder
from flows.runtime.remote_corpus import local_corpus, url_of
from flows.runtime.repository import Repository, nearest_repository
from flows.runtime.signals import end_with_schedule
from flows.scheduling.scheduled_run import Overlap, Policy, run_occurrence
from flows.scheduling.timing import CatchUp, Timetable


@flow(name="scheduled-reprocess", persist_result=False)
def scheduled_reprocess(  # noqa: PLR0913 - the parameters of a deployment are named one by one
    corpus: str,
    out: str,
    checkout: str | None = None,
    weights: str | None = None,
    detections: list[str] | None = None,
    poses: str | None = None,
    pose_format: str | None = None,
    pretrained: str | None = None,
    formats: list[str] | None = None,
    profile: str | None = None,
    settings: list[str] | None = None,
    people: str | None = None,
    settle_seconds: float = 60.0,
    attempts: int = 3,
    pause_seconds: float = 60.0,
    overlap: Overlap = "skip",
    catch_up: CatchUp = "latest",
    cron: str | None = None,
    every_seconds: float | None = None,
    anchor: str = "",
    notify_command: str | None = None,
    notify_url: str | None = None,
) -> "State[None]":
    """Track what is new or changed in the corpus; a skipped occurrence completes under the name Skipped."""
    end_with_schedule()
    return_to_users_folder()
    repository = nearest_repository() if checkout is None else Repository(Path(checkout))
    request = ReprocessRequest(
        corpus=local_corpus(corpus, Path(out)),
        url=url_of(corpus),
        out=Path(out),
        weights=None if weights is None else Path(weights),
        detections=tuple(map(Path, detections or ())),
        poses=None if poses is None else Path(poses),
        pose_format=pose_format,
        pretrained=pretrained,
        formats=tuple(formats or ()),
        profile=profile,
        settings=tuple(settings or ()),
        people=people,
        settle_seconds=settle_seconds,
        attempts=attempts,
    )
    has_timetable = cron is not None or every_seconds is not None
    occurrence = run_occurrence(
        repository,
        request,
        Policy(overlap, catch_up, pause_seconds, notify_command, notify_url),
        Console(width=200, force_terminal=False),
        due=datetime.fromtimestamp(runtime.flow_run.scheduled_start_time.timestamp(), UTC),
        timetable=Timetable(cron, every_seconds, anchor) if has_timetable else None,
    )
    if occurrence.result == "failed":
        return Failed(message=occurrence.message)
    names = {"skipped": "Skipped", "done": "Completed", "done with failures": "CompletedWithFailures"}
    return Completed(name=names[occurrence.result], message=occurrence.message)
