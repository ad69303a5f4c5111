"""Options that the commands which track share, so that all explain them in the same words."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tasks.errors import InputError

if TYPE_CHECKING:
    from flows.reprocess_request import ReprocessRequest

Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for everything that is written.")]
Weights = Annotated[
    Path | None,
    typer.Option(
        "--weights", metavar="DIR", help="Weight files; by default the checkout's own, else the starting weights."
    ),
]
Detections = Annotated[
    list[Path] | None,
    typer.Option("--detections", metavar="FILE", help="Person boxes in MOT or COCO results form; repeatable."),
]
Poses = Annotated[
    Path | None,
    typer.Option("--poses", metavar="PATH", help="Poses of another program: a file, or a folder of files."),
]
PoseFormat = Annotated[
    str | None,
    typer.Option("--pose-format", metavar="NAME", help="Format of --poses; by default the content decides."),
]
Pretrained = Annotated[
    str | None,
    typer.Option("--pretrained", metavar="NAME", help="Boxes and poses by a public network: torchvision."),
]
Profile = Annotated[
    str | None,
    typer.Option(
        "--profile", metavar="NAME", help="Params of profiles/NAME.yaml, such as released, not of params.yaml."
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="SECTION.KEY=VALUE", help="This value in place of that of the params; repeatable."),
]
Formats = Annotated[
    list[str] | None, typer.Option("--format", metavar="NAME", help="Further format of the tracks; repeatable.")
]
BlurFaces = Annotated[bool, typer.Option("--blur-faces", help="Blur the head of every pose in overlays and clips.")]
SkeletonOnly = Annotated[
    bool, typer.Option("--skeleton-only", help="Draw skeletons on black in overlays and clips, without sound.")
]
Settle = Annotated[
    str, typer.Option("--settle", metavar="TIME", help="How long a video must be unchanged to be taken.")
]


def people_choice(*, blur_faces: bool, skeleton_only: bool) -> str | None:
    """The value of `report.people` that the options choose; None for that of params.yaml.

    Raises:
        InputError: both are chosen.
    """
    if blur_faces and skeleton_only:
        raise InputError("expected --blur-faces or --skeleton-only, got both")
    return "faces_blurred" if blur_faces else "skeletons" if skeleton_only else None


def tracking_request(  # noqa: PLR0913 - one argument per option that is shared
    corpus: str,
    out: Path,
    *,
    weights: Path | None,
    detections: Sequence[Path] | None,
    poses: Path | None,
    pose_format: str | None,
    pretrained: str | None,
    formats: Sequence[str] | None,
    profile: str | None,
    settings: Sequence[str] | None,
    blur_faces: bool,
    skeleton_only: bool,
    settle: str,
    attempts: int = 3,
) -> "ReprocessRequest":
    """The request that the options name, of a run now or at set times.

    Raises:
        InputError: options exclude each other, or the corpus or a time cannot be read.
    """
    from flows.reprocess_request import ReprocessRequest
    from flows.runtime.remote_corpus import local_corpus, url_of
    from flows.scheduling.timing import duration

    return ReprocessRequest(
        corpus=local_corpus(corpus, out),
        url=url_of(corpus),
        out=out,
        weights=weights,
        detections=tuple(detections or ()),
        poses=poses,
        pose_format=pose_format,
        pretrained=pretrained,
        people=people_choice(blur_faces=blur_faces, skeleton_only=skeleton_only),
        settle_seconds=duration(settle, "--settle"),
        profile=profile,
        settings=tuple(settings or ()),
        formats=tuple(formats or ()),
        attempts=attempts,
    )
