"""`corrtrack reproduce`, `stage` and `reprocess`: the commands that run stages."""

from typing import Annotated

import typer
from rich.console import Console

from flows.cli.json_option import AsJsonDryRun
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
from tasks.errors import InputError

WrittenProfile = Annotated[
    str | None, typer.Option("--profile", metavar="NAME", help="Write profiles/NAME.yaml over params.yaml first.")
]
WrittenSettings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Write this value into params.yaml first; repeatable."),
]
Save = Annotated[
    str | None,
    typer.Option("--save", metavar="NAME", help="Keep the finished run under this name, for `corrtrack compare`."),
]
Force = Annotated[bool, typer.Option("--force", help="Let --profile and --set overwrite changes of your own.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what is stale, why, and its last seconds; run nothing.")]
First = Annotated[
    str | None, typer.Option("--from", metavar="STAGE", help="Leave the stages before this one as they are.")
]
Last = Annotated[
    str | None, typer.Option("--until", metavar="STAGE", help="Run this stage and what it reads from, no more.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to `corrtrack`."""
    for command in (reproduce, stage, reprocess):
        app.command(epilog=EXIT_CODES)(command)


def reproduce(  # noqa: PLR0913  one parameter per option is how typer reads them
    profile: WrittenProfile = None,
    settings: WrittenSettings = None,
    force: Force = False,
    save: Save = None,
    dry_run: DryRun = False,
    first: First = None,
    last: Last = None,
    as_json: AsJsonDryRun = False,
) -> None:
    """Run everything that is stale, from the corpus in data/ to reports/index.html.

    Without data/ a small demo corpus is synthesised. DVC decides what is stale, from the contents of data/,
    params.yaml and the code. A run that was stopped keeps its finished work, and the next one continues.

    Examples:

    - `corrtrack reproduce`: all stages by params.yaml

    - `corrtrack reproduce --profile paper`: with the paper's numbers

    - `corrtrack reproduce --set track.tau_corr=0.25`: only tracking and what follows it runs again

    - `corrtrack reproduce --save tau-0.25`: keep this run for `corrtrack compare tau-0.25`

    - `corrtrack reproduce --set track.tau_corr=0.25 --dry-run`: what that would run again, and how long it took

    - `corrtrack reproduce --until score`: without the paper's tables and the report
    """
    from flows.cli.params_choice import choose_params, read_chosen_params
    from flows.reproduce import print_plan
    from flows.reproduce import reproduce as run
    from flows.runtime.repository import find_repository
    from flows.runtime.saved_runs import require_plain_name, save_run
    from flows.runtime.signals import end_with_make

    _require_dry_run(as_json, dry_run)
    end_with_make()
    repository = find_repository()
    if save is not None:
        require_plain_name(save)
    if dry_run:
        params = read_chosen_params(repository, profile=profile, settings=settings or [])
        raise typer.Exit(print_plan(repository, Console(), params, first=first, last=last, as_json=as_json))

    def prepare() -> None:
        choose_params(repository, profile=profile, settings=settings or [], force=force)

    code = run(repository, Console(), prepare=prepare, first=first, last=last)
    if save is not None:
        save_run(repository, save)
    raise typer.Exit(code)


def stage(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of a stage in dvc.yaml, such as track.")],
    force: Annotated[bool, typer.Option("--force", help="Run it even if nothing it reads has changed.")] = False,
) -> None:
    """Run one stage, if it is stale: `dvc repro --single-item NAME`, with progress.

    The stages before it are not run; `corrtrack reproduce` runs all that is stale.

    Examples:

    - `corrtrack stage track`: associate the existing poses by the current params.yaml

    - `corrtrack stage report --force`: write the report once more
    """
    from flows.reproduce import reproduce_stage
    from flows.runtime.repository import find_repository

    raise typer.Exit(reproduce_stage(find_repository(), name, Console(), force=force))


def reprocess(  # noqa: PLR0913  one parameter per option is how typer reads them
    corpus: Annotated[
        str,
        typer.Argument(
            metavar="CORPUS",
            help="A video file, a folder of videos or of frame folders, or one laid out like data/; or its URL (s3://, gs://).",
        ),
    ],
    out: Out,
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
    settle: Settle = "0s",
    save: Annotated[
        str | None, typer.Option("--save", metavar="NAME", help="Keep the run, for `corrtrack compare DIR@NAME DIR`.")
    ] = None,
    is_dry: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be tracked, and how long it would take.")
    ] = False,
    as_json: AsJsonDryRun = False,
) -> None:
    """Track the people of an external corpus, with networks that are trained already.

    Runs the stages from index to report on the corpus and writes tables, tracks, a report and an overlay of each
    video to --out. A second call continues where the first was stopped, and repeats only what a change of corpus or
    params.yaml requires. With --format the tracks are written in further formats too (`corrtrack export --help` lists
    them); `corrtrack export DIR --format NAME` does so afterwards.

    With --blur-faces or --skeleton-only the report has no other pictures of people. A face that no pose was found of
    stays visible with --blur-faces, and so do voices in the sound: look at the result before it is passed on.

    With --poses the given poses are tracked, and only the correspondence network is needed. Their formats:
    parquet (corrtrack's own tables), posetrack17, coco (PoseTrack18 and 21 too), coco-results, alphapose, openpose,
    mmpose, rtmlib, ultralytics, ultralytics-txt, mediapipe, deeplabcut (csv, h5), sleap (slp, or
    analysis as csv or h5).

    With --pretrained torchvision, torchvision's Keypoint R-CNN gives boxes and poses. Its weights (226 MiB) are fetched
    once, or read from the file that detect.network_weights names.

    With --profile and --set the params are those of this run; params.yaml is not touched.

    With --save the tables of this run are kept in the out folder under a name, when later runs replace them.

    A corpus in an object store (s3://, gs://) is fetched into the out folder first, later only what is new or changed;
    docs/cluster.md tells more.

    Examples:

    - `corrtrack reprocess street.mp4 --out runs/street --pretrained torchvision`

    - `corrtrack reprocess street.mp4 --out runs/street --detections street.txt`

    - `corrtrack reprocess street.mp4 --out runs/street --poses street.json`

    - `corrtrack reprocess /data/posetrack21 --out runs/pt21 --profile released --weights weights/released`

    - `corrtrack reprocess s3://bucket/videos --out runs/nightly`

    - `corrtrack reprocess /data/videos --out runs/nightly --dry-run`: what would be done now
    """

    from flows.reprocess import reprocess as run
    from flows.runtime.repository import nearest_repository
    from flows.runtime.saved_runs import require_new_name, save_out_folder

    _require_dry_run(as_json, is_dry)
    if save is not None:
        require_new_name(out, save)
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
    )
    if is_dry:
        from flows.scheduling.dry_run import dry_run

        dry_run(nearest_repository(), request, Console(), as_json=as_json)
        return
    code = run(nearest_repository(), request, Console())
    if save is not None:
        save_out_folder(out.expanduser().resolve(), save)
    raise typer.Exit(code)


def _require_dry_run(as_json: bool, is_dry: bool) -> None:
    if as_json and not is_dry:
        raise InputError(
            "--json: expected --dry-run, whose answer it prints; `corrtrack status DIR --json` and "
            "reports/metrics.json hold what a run has found"
        )
