"""`corrtrack schedule`: tracks what is new or changed in a corpus, again and again."""

from enum import StrEnum
from typing import Annotated

import typer

from flows.cli.tracking_options import (
    BlurFaces,
    Detections,
    Formats,
    Out,
    PoseFormat,
    Poses,
    Pretrained,
    Profile,
    Settings,
    Settle,
    SkeletonOnly,
    Weights,
    tracking_request,
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
    formats: Formats = None,
    profile: Profile = None,
    settings: Settings = None,
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

    The options that choose how a corpus is tracked are those of `corrtrack reprocess`, and hold for every run of the
    schedule. params.yaml or the profile is read anew by each run, so a change of it holds from the next run on.

    Examples:

    - `corrtrack schedule /data/videos --out runs/nightly --cron "0 3 * * *"`

    - `corrtrack schedule /data/videos --out runs/all --every 15m --notify-command "mail -s corrtrack me@example.org"`

    - `corrtrack schedule /data/videos --out runs/cvat --every 1h --set track.tau_corr=0.25 --format cvat`
    """
    from datetime import UTC, datetime

    from rich.console import Console

    from flows.runtime.repository import nearest_repository
    from flows.scheduling.scheduled_run import Policy
    from flows.scheduling.serving import Serving, serve
    from flows.scheduling.timing import duration, end_of, timetable

    request = tracking_request(
        corpus,
        out,
        weights=weights,
        detections=detections,
        poses=poses,
        pose_format=pose_format,
        pretrained=pretrained,
        formats=formats,
        profile=profile,
        settings=settings,
        blur_faces=blur_faces,
        skeleton_only=skeleton_only,
        settle=settle,
        attempts=attempts,
    )
    policy = Policy(overlap.value, catch_up.value, duration(pause, "--pause"), notify_command, notify_url)
    serving = Serving(
        request, timetable(cron, every), policy, end_of(until, now=datetime.now(UTC)), has_own_server=own_server
    )
    serve(nearest_repository(), serving, Console())
