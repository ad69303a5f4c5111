"""`corrtrack evaluate-tracking`: the tracking methods compared on poses of another program."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from flows.cli.json_option import AsJson
from flows.cli.tracking_options import Profile, Settings
from flows.runtime.outcomes import ExitCode
from flows.runtime.printing import print_line
from flows.runtime.repository import nearest_repository

if TYPE_CHECKING:
    from tasks.given_poses.evaluation import EvaluationRequest, TrackingEvaluation
    from tasks.params.sections import Params

Poses = Annotated[
    Path, typer.Option("--poses", metavar="PATH", help="Poses in any format that `reprocess --poses` reads.")
]
Annotations = Annotated[
    Path,
    typer.Option(
        "--annotations",
        metavar="FILE",
        help="PoseTrack17 or PoseTrack18 keypoints (.json), or MOT boxes (.txt).",
    ),
]
Video = Annotated[
    Path | None,
    typer.Option(
        "--video",
        metavar="PATH",
        help="The video's file, or the folder of its pictures; without it only OKS is measured.",
    ),
]
Strides = Annotated[
    str, typer.Option("--stride", metavar="N,N,...", help="Track every frame, every 2nd, and so on; 1 each at least.")
]
Weights = Annotated[
    Path | None,
    typer.Option(
        "--weights",
        metavar="DIR",
        help="Folder with correspondence.safetensors (or siamese.safetensors) and, for re-ID, reid.safetensors; by "
        "default artifacts/models, else models/weights.",
    ),
]
Out = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Also write evaluation.json to this folder.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `corrtrack`."""
    app.command("evaluate-tracking")(evaluate_tracking)


def evaluate_tracking(  # noqa: PLR0913  one parameter per option is how typer reads them
    poses: Poses,
    annotations: Annotations,
    video: Video = None,
    stride: Strides = "1,2,4,8",
    weights: Weights = None,
    pose_format: Annotated[
        str, typer.Option("--pose-format", metavar="NAME", help="Format of the poses, where it is not recognised.")
    ] = "auto",
    profile: Profile = None,
    settings: Settings = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Compare the tracking methods of Table 2 on poses of an annotated video, also at lower frame rates.

    The same poses are tracked by OKS, by optical flow (OpenCV's DIS; torchvision's RAFT with --set ablate.flow=raft and
    --set ablate.flow_weights=FILE, its raft_large), by re-identification, by equation 6, and by the OKS of poses that
    correspondences propagate, at every N-th frame. No pose is added, no track is merged. All methods use
    the thresholds of params.yaml (or of --profile, as networks trained by it need), which the output names; none is
    chosen on this video.

    Against keypoints MOTA and identity switches follow the poseval protocol, summed over joints, and mAP is that of
    the poses, which no method changes. Against boxes identity switches, IDF1 and MOTA come from motmetrics, with
    boxes matched at IoU 0.5: those of the file of poses where it has them, else those around the keypoints. Frames
    after the last of the poses are left out.

    Exit codes: 0 done, 2 bad input, 3 done but some poses were rejected.

    Examples:

    - `corrtrack evaluate-tracking --poses street.json --annotations gt.txt --video street.mp4`

    - `corrtrack evaluate-tracking --poses openpose/ --annotations 000342_mpii.json --video frames/ --stride 1,4 --json`

    - `corrtrack evaluate-tracking --poses street.json --annotations gt.txt --video street.mp4 --profile small_real`
    """
    from flows.cli.params_choice import read_chosen_params
    from flows.runtime.run_weights import networks_folder
    from tasks.given_poses.evaluation import EvaluationRequest, strides_of

    repository = nearest_repository()
    default = networks_folder(repository, None, Console(stderr=True) if video and weights is None else None)
    request = EvaluationRequest(poses, annotations, video, weights, default, strides_of(stride), pose_format)
    answer = _evaluated(request, read_chosen_params(repository, profile=profile, settings=settings or []))
    if as_json:
        typer.echo(_json(request, answer))
    else:
        _show(answer)
    if out is not None:
        _write(out, request, answer)
    for reason in answer.rejects:
        print_line(Console(stderr=True), f"rejected: {reason}")
    raise typer.Exit(ExitCode.REJECTED if answer.rejects else ExitCode.DONE)


def _evaluated(request: "EvaluationRequest", params: "Params") -> "TrackingEvaluation":
    from rich.progress import Progress

    from tasks.determinism import make_deterministic
    from tasks.given_poses.comparison import METHODS
    from tasks.given_poses.evaluation import evaluate_tracking as evaluate

    make_deterministic(params.run.seed, params.run.threads_per_worker)
    with Progress(console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task("methods", total=len(METHODS) * len(request.strides))
        return evaluate(request, params, lambda: bars.advance(bar))


def _show(answer: "TrackingEvaluation") -> None:
    from rich.table import Table

    console = Console()
    for fact in answer.of_file:
        rows = [row for row in answer.rows if row["stride"] == fact["stride"]]
        names = [name for name in rows[0] if name != "stride"]
        facts = ", ".join(f"{name} {_text(value)}" for name, value in fact.items() if name != "stride")
        table = Table(*names, title=f"every frame ({facts})" if fact["stride"] == 1 else _title(fact, facts))
        for row in rows:
            table.add_row(*(_text(row[name]) for name in names))
        console.print(table)
    console.print(f"Scored on {answer.truth}.")
    console.print(f"Thresholds: {', '.join(f'{k} {v}' for k, v in answer.thresholds.items())}.")
    for notice in answer.notices:
        print_line(console, notice)


def _title(row: dict[str, object], facts: str) -> str:
    return f"1 of {row['stride']} frames ({facts})"


def _text(value: object) -> str:
    return "-" if value is None else f"{value:.1f}" if isinstance(value, float) else str(value)


def _json(request: "EvaluationRequest", answer: "TrackingEvaluation") -> str:
    inputs = {
        "poses": str(request.poses),
        "annotations": str(request.annotations),
        "video": request.video and str(request.video),
        "weights": str(request.weights or request.default_weights),
    }
    return json.dumps(inputs | asdict(answer), indent=2, allow_nan=False)


def _write(out: Path, request: "EvaluationRequest", answer: "TrackingEvaluation") -> None:
    from tasks.out_folder import claim_out_folder
    from tasks.whole_files import write_whole

    inputs = [path for path in (request.poses, request.annotations, request.video, request.weights) if path]
    write_whole(claim_out_folder(out, inputs=inputs) / "evaluation.json", _json(request, answer) + "\n")
