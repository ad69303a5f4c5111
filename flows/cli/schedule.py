"""`corrtrack schedule`: tracks what is new or changed in a corpus, again and again."""

from enum import StrEnum
from typing import Annotated

import typer

from flows.cli.tracking_options import (
    BlurFaces,
    Detections,
    Out,
    PoseFormat,
    Poses,
    Pretrained,
    Settle,
    SkeletonOnly,
    Weights,
    people_choice,
)
from flows.runtime.outcomes import EXIT_CODES


class OverlapChoice(StrEnum):
    """What becomes of an occurrence while another run is at work."""

    SKIP = "skip"
    QUEUE_LATEST = "queue-latest"


class CatchUpChoice(StrEnum):
    """What becomes of occurrences that were missed."""

    LATEST = "latest"
    NONE = "none"


def register(app: typer.Typer) -> None:
    """Add the command to `corrtrack`."""
    app.command(epilog=EXIT_CODES)(schedule)


def schedule(  # noqa: PLR0913 - one parameter per option
    corpus: Annotated[
        str,
        typer.Argument(
            metavar="CORPUS",
            help="A folder of videos or of frame folders, or one laid out like data/, or its URL (s3://, gs://).",
        ),
    ],
    out: Out,
    cron: Annotated[
        str | None, typer.Option("--cron", metavar="EXPRESSION", help="Five fields, in this machine's time zone.")
    ] = None,
    every: Annotated[str | None, typer.Option("--every", metavar="TIME", help="A time such as 15m or 6h.")] = None,
    overlap: Annotated[
        OverlapChoice, typer.Option("--overlap", help="While another run is at work: skip, or wait for its end.")
    ] = OverlapChoice.SKIP,
    catch_up: Annotated[
        CatchUpChoice, typer.Option("--catch-up", help="Of missed occurrences run the latest, or none.")
    ] = CatchUpChoice.LATEST,
    settle: Settle = "60s",
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="End after 8h, or at 2027-01-31T06:00.")
    ] = None,
    weights: Weights = None,
    detections: Detections = None,
    poses: Poses = None,
    pose_format: PoseFormat = None,
    pretrained: Pretrained = None,
    blur_faces: BlurFaces = False,
    skeleton_only: SkeletonOnly = False,
    attempts: Annotated[
        int, typer.Option("--attempts", min=1, help="Runs that a fault of the machine may stop at one video.")
    ] = 3,
    pause: Annotated[str, typer.Option("--pause", metavar="TIME", help="Between such attempts.")] = "60s",
    notify_command: Annotated[
        str | None, typer.Option("--notify-command", metavar="CMD", help="Gets a JSON on a change of state.")
    ] = None,
    notify_url: Annotated[
        str | None, typer.Option("--notify-url", metavar="URL", help="Gets the same JSON by POST.")
    ] = None,
    own_server: Annotated[
        bool, typer.Option("--own-server", help="Use the Prefect server that PREFECT_API_URL names.")
    ] = False,
) -> None:
    """Track what is new or changed in a corpus at set times, until Ctrl-C.

    Serves a Prefect deployment that runs `reprocess`, by default on a private server on loopback that keeps its
    history in DIR. Runs of one out folder never overlap. Videos that may still be being written wait for the next
    run, broken ones are not tried again until their bytes change, results of removed ones stay until
    `corrtrack prune`. `corrtrack status DIR` shows all of it. docs/schedule.md tells more.

    Examples:

    - `corrtrack schedule /data/videos --out runs/nightly --cron "0 3 * * *"`

    - `corrtrack schedule /data/videos --out runs/all --every 15m --notify-command "mail -s corrtrack me@example.org"`
    """
    from datetime import UTC, datetime

    from rich.console import Console

    from flows.reprocess_request import ReprocessRequest
    from flows.runtime.remote_corpus import local_corpus, url_of
    from flows.runtime.repository import nearest_repository
    from flows.scheduling.scheduled_run import Policy
    from flows.scheduling.serving import Serving, serve
    from flows.scheduling.timing import duration, end_of, timetable

    request = ReprocessRequest(
        local_corpus(corpus, out),
        out,
        weights,
        tuple(detections or ()),
        poses,
        pose_format,
        pretrained,
        people_choice(blur_faces=blur_faces, skeleton_only=skeleton_only),
        settle_seconds=duration(settle, "--settle"),
        attempts=attempts,
        url=url_of(corpus),
    )
    policy = Policy(overlap.value, catch_up.value, duration(pause, "--pause"), notify_command, notify_url)
    serving = Serving(
        request, timetable(cron, every), policy, end_of(until, now=datetime.now(UTC)), has_own_server=own_server
    )
    serve(nearest_repository(), serving, Console())
