"""`corrtrack evaluate-noise`: for which poses, and at which speeds, each tracking method holds."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from flows.cli.json_option import AsJson
from flows.cli.tracking_options import Profile, Settings
from flows.runtime.printing import print_line
from flows.runtime.repository import Repository, find_repository, nearest_repository
from tasks.errors import InputError

if TYPE_CHECKING:
    from tasks.given_poses.noise import NoiseEvaluation, NoiseSettings
    from tasks.params.sections import Params


def register(app: typer.Typer) -> None:
    """Add the command to `corrtrack`."""
    app.command("evaluate-noise")(evaluate_noise)


def evaluate_noise(  # noqa: PLR0913  one parameter per option is how typer reads them
    corpus: Annotated[
        Path | None,
        typer.Option(
            "--corpus",
            metavar="DIR",
            help="Laid out like data/; by default one is synthesised that no network has seen.",
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            "--weights", metavar="DIR", help="Folder of the networks; by default artifacts/models, else models/weights."
        ),
    ] = None,
    noise: Annotated[
        str, typer.Option("--noise", metavar="H,H,...", help="Standard deviations of the keypoints, in head sizes.")
    ] = "0,0.1,0.25,0.5,1",
    dropout: Annotated[
        str, typer.Option("--dropout", metavar="P,P,...", help="Shares of the keypoints that are missing.")
    ] = "0.25,0.5,0.75",
    stride: Annotated[
        str, typer.Option("--stride", metavar="N,N,...", help="Track every frame, every 2nd, and so on.")
    ] = "1,2,4,8",
    profile: Profile = None,
    settings: Settings = None,
    frames: Annotated[int, typer.Option("--frames", min=2, help="Frames of each synthesised video.")] = 65,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder for noise.json; by default the checkout's reports."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure how inaccurate poses and low frame rates affect each tracking method.

    Takes the annotated poses of validation videos, adds Gaussian noise to every keypoint or leaves keypoints out, and
    tracks the same poses by OKS, optical flow, re-identification, equation 6 and propagated OKS, at every N-th frame.
    A head size is 0.6 times the diagonal of the person's head box, as poseval has it. MOTA is the mean over joints, as
    `corrtrack score --protocol corrected` counts it, so that noise costs MOTA whatever the tracker; person switches
    count persons whose track changes. All methods use the thresholds of params.yaml, or of --profile.

    Writes reports/noise.json, which the report draws. Outside a checkout it needs --corpus and --out.

    Examples:

    - `corrtrack evaluate-noise`: about 5 minutes on one core

    - `corrtrack evaluate-noise --corpus data --noise 0,0.5 --dropout 0.5 --stride 1,4`
    """
    from flows.cli.params_choice import read_chosen_params
    from flows.runtime.run_weights import networks_folder
    from tasks.given_poses.evaluation import strides_of
    from tasks.given_poses.noise import NoiseSettings

    sweep = NoiseSettings(_numbers("--noise", noise), _numbers("--dropout", dropout, most=1), strides_of(stride))
    repository = _repository(has_folders=corpus is not None and out is not None)
    params = read_chosen_params(repository, profile=profile, settings=settings or [])
    folder = networks_folder(repository, weights, Console(stderr=True))
    where, described = _corpus(repository, corpus, params, frames)
    answer = _measured(where, sweep, folder, params)
    text = json.dumps(_facts(described, folder) | asdict(answer), indent=1, allow_nan=False)
    _write(repository.workspace.reports if out is None else _claimed(out, [where, folder]), text)
    if as_json:
        typer.echo(text)
    else:
        _show(answer)


def _repository(*, has_folders: bool) -> Repository:
    if has_folders:
        return nearest_repository()
    try:
        return find_repository()
    except InputError as error:
        raise InputError("evaluate-noise: expected --corpus and --out, as there is no checkout here") from error


def _numbers(option: str, text: str, *, most: float = 100.0) -> list[float]:
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if not values or not all(0 <= value <= most for value in values):
        expected = f"numbers from 0 to {most:g} with commas between them, such as 0,0.5"
        raise InputError(f"{option}: expected {expected}, got {text!a}")
    return values


def _corpus(repository: Repository, corpus: Path | None, params: "Params", frames: int) -> tuple[Path, str]:
    from tasks.given_poses.noise_corpus import fresh_corpus

    if corpus is not None:
        return corpus, f"validation videos of {corpus.name}"
    root = repository.state / "noise" / "data"
    return root, fresh_corpus(root, params, frames=frames)


def _measured(corpus: Path, settings: "NoiseSettings", weights: Path, params: "Params") -> "NoiseEvaluation":
    from rich.progress import Progress

    from tasks.determinism import make_deterministic
    from tasks.given_poses.networks import load_networks
    from tasks.given_poses.noise import evaluate_noise as evaluate
    from tasks.given_poses.noise import noise_videos

    videos, networks = len(noise_videos(corpus)), load_networks(weights, params)
    make_deterministic(params.run.seed, params.run.threads_per_worker)
    with Progress(console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task("poses", total=videos * len(settings.strides) * len(settings.disturbances))
        return evaluate(corpus, settings, networks, params, lambda: bars.advance(bar))


def _facts(corpus: str, weights: Path) -> dict[str, Any]:
    """What the answer is of; weight files by digest, since a folder's name says nothing elsewhere."""
    from tasks.content_key import file_digest

    names = ("correspondence", "siamese", "reid")
    files = {name: weights / f"{name}.safetensors" for name in names}
    return {"corpus": corpus, "weights": {name: file_digest(path) for name, path in files.items() if path.is_file()}}


def _write(reports: Path, text: str) -> None:
    from tasks.reporting.sections.noise import REPORT
    from tasks.whole_files import write_whole

    write_whole(reports / REPORT, text + "\n")


def _claimed(out: Path, inputs: list[Path]) -> Path:
    from tasks.out_folder import claim_out_folder

    return claim_out_folder(out, inputs=inputs)


def _show(answer: "NoiseEvaluation") -> None:
    from rich.table import Table

    console = Console()
    methods = list(dict.fromkeys(row["method"] for row in answer.rows))
    for metric, title in (("MOTA", "MOTA"), ("person_switches", "person switches")):
        table = Table("1 of N frames", "noise, heads", "dropout", *methods, title=title)
        cells: dict[tuple[Any, ...], list[str]] = {}
        for row in answer.rows:
            key = (row["stride"], row["noise_heads"], row["dropout"])
            cells.setdefault(key, []).append("-" if row[metric] is None else f"{row[metric]:g}")
        for key, values in cells.items():
            table.add_row(*(f"{value:g}" for value in key), *values)
        console.print(table)
    console.print(f"{answer.persons} annotated persons in {answer.frames} frames of {answer.videos} videos.")
    console.print(f"Thresholds: {', '.join(f'{k} {v}' for k, v in answer.thresholds.items())}.")
    for notice in answer.notices:
        print_line(console, notice)
