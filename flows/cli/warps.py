"""`corrtrack evaluate-warps`: the reach of correspondences on an annotated video."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console

from flows.cli.json_option import AsJson
from flows.runtime.outcomes import ExitCode
from flows.runtime.printing import print_json, print_line
from flows.runtime.repository import nearest_repository
from tasks.errors import InputError

if TYPE_CHECKING:
    from tasks.params.recover import RecoverParams
    from tasks.warps.evaluation import WarpMetrics

_TITLES: Final = {
    "unmoved": "unmoved",
    "optical_flow": "optical flow",
    "siamese": "S (Siamese)",
    "refined": "C (refined)",
}


Frames = Annotated[
    Path, typer.Option("--frames", metavar="DIR_OR_VIDEO", help="The video's file, or the folder of its pictures.")
]
Annotations = Annotated[
    Path, typer.Option("--annotations", metavar="FILE", help="Its PoseTrack18 or PoseTrack17 annotation.")
]
Weights = Annotated[
    Path | None,
    typer.Option(
        "--weights",
        metavar="DIR",
        help="Folder with correspondence.safetensors (S and C) or siamese.safetensors (S alone); by default the "
        "artifacts/models, else models/weights.",
    ),
]
Gaps = Annotated[
    str, typer.Option("--gaps", metavar="G,G,...", help="Frames between source and target, at least 1 each.")
]
FrameSize = Annotated[
    int | None,
    typer.Option(
        "--frame-size",
        metavar="PX",
        help="Side of the square that a frame is fitted into for the network, a multiple of 32; by default "
        "recover.frame_size_px of params.yaml.",
    ),
]
Out = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Also write warps.json to this folder.")]


def register(app: typer.Typer) -> None:
    """Add the command to `corrtrack`."""
    app.command("evaluate-warps")(evaluate_warps)


def evaluate_warps(
    frames: Frames,
    annotations: Annotations,
    weights: Weights = None,
    gaps: Gaps = "1,4,8,16,24",
    frame_size: FrameSize = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Measure on an annotated video over how many frames correspondences still find a pose.

    Takes the annotated poses of every frame f and propagates them to frame f+g, for each gap g: unmoved, by dense
    optical flow (OpenCV's DIS, directly from f to f+g, on the whole pictures), by the peaks of the Siamese network's
    affinity maps S, and by those of the refined maps C. A keypoint counts when it is annotated on the same track in
    both frames; it is correct within PCKh 0.5 of its annotation in f+g, which is half of 0.6 times the diagonal of the
    person's head box there, as poseval measures. Persons without a head box in f+g are left out and counted, and so
    are the placeholder ears. Annotations may skip frames: gaps are counted in frames of the video.

    The pictures in a folder are matched by the file names of the annotation; the folder may also be the one that these
    names start from. In a video file frames are counted from 0.

    Exit codes: 0 done, 2 bad input, 3 done but frames or annotated persons were rejected, each with its reason.

    Examples:

    - `corrtrack evaluate-warps --frames data/posetrack --annotations data/posetrack/annotations/val/000342_mpii.json`

    - `corrtrack evaluate-warps --frames street.mp4 --annotations street.json --gaps 1,12,24 --json`

    - `corrtrack evaluate-warps --frames clip/ --annotations clip.json --weights runs/weights --frame-size 512`
    """
    from flows.runtime.run_weights import networks_folder

    wanted = _gaps(gaps)
    repository = nearest_repository()
    params = _recover_params(repository.params, frame_size)
    folder = networks_folder(repository, weights, Console(stderr=True))
    settings = {"frames": frames, "annotations": annotations, "weights": folder}
    target = None if out is None else _claimed(out, list(settings.values()))
    metrics = _measure(frames, annotations, folder, params, wanted)
    document = _document(metrics, {name: str(path) for name, path in settings.items()}, params)
    if as_json:
        print_json(document)
    else:
        _show(metrics, frame_size_px=params.frame_size_px)
    if target is not None:
        _write(document, target)
    for reason in metrics.rejects:
        print_line(Console(stderr=True), f"rejected: {reason}")
    raise typer.Exit(ExitCode.REJECTED if metrics.rejects else ExitCode.DONE)


def _gaps(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdecimal() and int(part) >= 1 for part in parts):
        raise InputError(
            f"--gaps: expected whole numbers from 1 with commas between them, such as 1,8,24, got {text!a}"
        )
    return [int(part) for part in parts]


def _recover_params(path: Path, frame_size: int | None) -> "RecoverParams":
    from tasks.determinism import make_deterministic
    from tasks.params.loading import load_params

    params = load_params(path)
    if frame_size is not None and (frame_size < 32 or frame_size % 32):
        raise InputError(f"--frame-size: expected a multiple of 32, got {frame_size}")
    import torch  # noqa: F401  the next call sets its threads only once it is imported

    make_deterministic(params.run.seed, params.run.threads_per_worker)
    return params.recover.model_copy(update={"frame_size_px": frame_size or params.recover.frame_size_px})


def _measure(frames: Path, annotations: Path, weights: Path, params: "RecoverParams", gaps: list[int]) -> "WarpMetrics":
    from rich.progress import Progress

    from tasks.warps.annotated_video import read_annotated_video
    from tasks.warps.evaluation import evaluate_warps as evaluate
    from tasks.warps.propagators import MapPropagator, load_network

    video = read_annotated_video(frames, annotations)
    network = MapPropagator(load_network(weights), params)
    with Progress(console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task("annotated frames", total=len(video.frames))
        return evaluate(video, network, gaps, lambda: bars.advance(bar))


def _show(metrics: "WarpMetrics", *, frame_size_px: int) -> None:
    from rich.table import Table

    title = f"keypoints within PCKh 0.5 of their annotation, percent (frames in {frame_size_px} px)"
    table = Table("gap", *(_TITLES[way] for way in metrics.ways), "keypoints", "frame pairs", title=title)
    for gap in metrics.gaps:
        shares = [gap.share(way) for way in metrics.ways]
        cells = ["-" if share is None else f"{100 * share:.1f}" for share in shares]
        table.add_row(str(gap.gap), *cells, str(gap.keypoints), str(gap.frame_pairs))
    console = Console()
    console.print(table)
    if omitted := sum(gap.without_head for gap in metrics.gaps):
        console.print(f"{omitted} keypoints left out: their person has no head box in the target frame")


def _document(metrics: "WarpMetrics", settings: dict[str, str], params: "RecoverParams") -> dict[str, Any]:
    from models.metrics.sequence import MATCH_DISTANCE

    return settings | {
        "frame_size_px": params.frame_size_px,
        "reach_head_sizes": MATCH_DISTANCE,
        "flow": "OpenCV DIS, medium preset, directly from f to f+g, whole pictures",
        "gaps": [gap.as_json(metrics.ways) for gap in metrics.gaps],
        "rejected": metrics.rejects,
    }


def _claimed(out: Path, inputs: list[Path]) -> Path:
    from tasks.out_folder import claim_out_folder

    return claim_out_folder(out, inputs=inputs)


def _write(document: dict[str, Any], out: Path) -> None:
    from tasks.whole_files import write_whole

    write_whole(out / "warps.json", json.dumps(document, indent=2) + "\n")
