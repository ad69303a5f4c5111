"""`corrtrack score`, `convert` and `export`: the file formats of the field, without the pipeline."""

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from flows.cli.json_option import AsJson
from flows.runtime.outcomes import ExitCode
from flows.runtime.printing import print_json, print_line
from tasks.errors import InputError

if TYPE_CHECKING:
    from tasks.formats.folder_conversion import Converted
    from tasks.scoring.run import ScoreOutcome


class Protocol(StrEnum):
    """Which scores to report."""

    OFFICIAL = "official"
    CORRECTED = "corrected"


class Order(StrEnum):
    """Orders of the 17 keypoints of COCO results."""

    POSETRACK = "posetrack"
    COCO = "coco"


class Target(StrEnum):
    """Formats that can be written."""

    POSETRACK17 = "posetrack17"
    POSETRACK18 = "posetrack18"
    COCO = "coco"


Truth = Annotated[Path, typer.Option("--gt", metavar="DIR", help="Annotations, one JSON file per sequence.")]
Predicted = Annotated[Path, typer.Option("--pred", metavar="DIR", help="Predictions under the same file names.")]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the results; made if missing.")]


def score(  # noqa: PLR0913  one parameter per option is how typer reads them
    gt: Truth,
    pred: Predicted,
    out: Out,
    per_sequence: Annotated[bool, typer.Option("--per-sequence", help="Also write <sequence>_*_metrics.json.")] = False,
    no_hota: Annotated[bool, typer.Option("--no-hota", help="Leave out pose-HOTA.")] = False,
    protocol: Annotated[
        Protocol, typer.Option(help="corrected: add the numbers without the oddities, under names of their own.")
    ] = Protocol.OFFICIAL,
    latex: Annotated[bool, typer.Option("--latex", help="Print the paper's columns for LaTeX, not the table.")] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Also run the official poseval where installed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Score any tracker's PoseTrack17 or PoseTrack18 files: AP, CLEAR MOT per joint and pose-HOTA.

    The numbers equal those of the official evaluators (poseval; PoseTrack21 for HOTA), oddities included: frames are
    paired by position, the last annotated frame of a sequence is not tracked, MOTP counts a pair twice, a frame
    without persons on one side is one miss per joint, and for HOTA as many as the sequence has. `--protocol
    corrected` adds the numbers without these oddities. `warnings.json` holds what a reader must know.

    Exit codes: 0 done (HOTA may be missing, with a warning), 2 bad input, or AP or MOT cannot be defined.

    Examples:

    - `corrtrack score --gt annotations/val --pred results/val --out scores`

    - `corrtrack score --gt gt --pred pred --out scores --per-sequence --latex`
    """
    from flows.command_records import file_source, record_command
    from tasks.scoring.run import Request, score_folder

    if as_json and (latex or verify):
        raise InputError("--json: expected neither --latex nor --verify, whose answers are text")
    outcome = score_folder(Request(gt, pred, out, per_sequence, not no_hota, protocol is Protocol.CORRECTED))
    record_command(out.expanduser().resolve(), "score", outcome.files, [file_source(gt), file_source(pred)])
    if as_json:
        print_json(_scores(outcome))
    else:
        _show(outcome, latex=latex)
    if verify:
        _verify(gt, pred, out)
    raise typer.Exit(ExitCode.DONE if outcome.is_complete else ExitCode.BAD_INPUT)


def convert(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="A JSON file or a folder of them; the format is recognised.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the converted files.")],
    to: Annotated[Target, typer.Option("--to", help="Format to write.")],
    images: Annotated[
        Path | None, typer.Option("--images", metavar="DIR", help="PoseTrack18 files whose images COCO results are of.")
    ] = None,
    keypoints: Annotated[
        Order,
        typer.Option(help="Order of the 17 keypoints in COCO results; YOLO, AlphaPose and mmpose write coco."),
    ] = Order.POSETRACK,
    as_json: AsJson = False,
) -> None:
    """Convert PoseTrack17, PoseTrack18 and COCO results into each other without changing a score.

    A file of COCO results does not state the order of its keypoints: PoseTrack's (nose, head_bottom, head_top, ...) is
    expected, --keypoints coco reads COCO's own (nose, left_eye, right_eye, ...).

    A file with records that the target format cannot store is refused with their list, the others are converted.

    Exit codes: 0 done, 2 bad input, 3 done but some files were rejected or annotations of other categories left out.

    Examples:

    - `corrtrack convert annotations17/val --to posetrack18 --out annotations18/val`

    - `corrtrack convert results.json --to posetrack18 --images annotations18/val --keypoints coco --out pred`
    """
    from flows.command_records import file_source, record_command
    from tasks.formats.folder_conversion import convert_folder

    converted = convert_folder(source, out, target=to.value, images=images, order=keypoints.value)
    sources = [file_source(path) for path in (source, images) if path is not None]
    record_command(out.expanduser().resolve(), "convert", converted.written, sources)
    raise typer.Exit(_report(converted, as_json=as_json))


def export(
    out: Annotated[
        Path, typer.Option("--out", metavar="PATH", help="Folder for the files of a run; with --pred the archive.")
    ],
    run: Annotated[
        str | None,
        typer.Argument(metavar="RUN", help="An out folder of reprocess, a saved run, a git revision, or . for here."),
    ] = None,
    formats: Annotated[
        list[str] | None, typer.Option("--format", metavar="NAME", help="Format of the files; repeatable.")
    ] = None,
    pred: Annotated[
        Path | None, typer.Option("--pred", metavar="DIR", help="Predictions to pack for the test server.")
    ] = None,
    gt: Annotated[
        Path | None, typer.Option("--gt", metavar="DIR", help="Annotations (or bare image lists) of their sequences.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the tracks of a finished run in other formats, or pack predictions for the PoseTrack test server.

    With RUN and --format: one file per video of the merged tracks. Formats: table (Parquet, a row for each keypoint),
    csv (a row for each pose), jsonl (a line for each frame), mot (boxes in MOTChallenge form), coco-tracks (COCO
    annotations with track_id), cvat (CVAT for video 1.1), deeplabcut (CSV of several animals), coco (results),
    posetrack18, posetrack17. By the extra `formats` of the package: deeplabcut-h5, nwb (ndx-pose), sleap (.slp),
    rerun (.rrd).

    With --pred: one PoseTrack18 JSON per sequence, checked, in one archive. Every file must pass what the server's
    evaluator asks of it: names, unique identities below 10000, 17 keypoints and 17 scores per person, and with --gt
    the same images in the same order. Nothing is written if one fails.

    Exit codes: 0 done, 2 bad input, 3 done but some videos were rejected.

    Examples:

    - `corrtrack export runs/street --format csv --out street-csv`

    - `corrtrack export . --format cvat --format mot --out demo-tracks`

    - `corrtrack export --pred artifacts/exports/posetrack18/merged --gt annotations/val --out val.zip`
    """
    if (run is None) == (pred is None):
        raise InputError("expected a run (with --format) or --pred, got both" if run else "expected a run or --pred")
    if pred is not None:
        if formats:
            raise InputError("--format: expected a run, which it is the format of; --pred makes an archive")
        from tasks.formats.submission import export_submission

        count = export_submission(pred, out, truth=gt)
        if as_json:
            print_json({"archive": str(out), "sequences": count})
        else:
            print_line(Console(), f"{out}: {count} sequences")
        return
    raise typer.Exit(_report(_export_run(str(run), formats or [], out, gt), as_json=as_json))


def register(app: typer.Typer) -> None:
    """Add the commands to `corrtrack`."""
    for command in (score, convert, export):
        app.command()(command)


def _show(outcome: "ScoreOutcome", *, latex: bool) -> None:
    from rich.table import Table

    from tasks.scoring.tables import latex as as_latex
    from tasks.scoring.tables import metric_rows

    problems = outcome.totals.problems
    only_mot = [reason for reason in problems.get("mot", []) if reason not in problems.get("ap", [])]
    _print_lines("red", [f"no AP, no MOT: {reason}" for reason in problems.get("ap", [])])
    _print_lines("red", [f"no MOT: {reason}" for reason in only_mot])
    _print_lines("yellow", [f"warning: {': '.join(filter(None, (it.file, it.message)))}" for it in outcome.notices])
    if latex:
        typer.echo(as_latex(outcome.totals))
        return
    rows = metric_rows(outcome.totals)
    if not rows:
        return
    table = Table("", *rows[0][1], title=f"{outcome.sequence_count} sequences, percent")
    for name, values in rows:
        table.add_row(name, *(f"{value:.1f}" for value in values.values()))
    console = Console()
    console.print(table)
    if outcome.totals.counts is not None:
        console.print(f"{int(outcome.totals.counts.switches.sum())} switches over all joints")


def _scores(outcome: "ScoreOutcome") -> dict[str, Any]:
    """The table by metric and body part, with what a reader must know."""
    from tasks.scoring.tables import metric_rows

    counts = outcome.totals.counts
    return {
        "sequences": outcome.sequence_count,
        "metrics": dict(metric_rows(outcome.totals)),
        "identity_switches": None if counts is None else int(counts.switches.sum()),
        "undefined": outcome.totals.problems,
        "warnings": [asdict(notice) for notice in outcome.notices],
        "files": [str(path) for path in outcome.files],
    }


def _print_lines(style: str, lines: list[str]) -> None:
    for line in lines:
        print_line(Console(stderr=True), line, style=style)


def _verify(gt: Path, pred: Path, out: Path) -> None:
    from tasks.scoring.verification import compare_with_poseval

    for line in compare_with_poseval(gt, pred, out):
        print_line(Console(), line)


def _export_run(run: str, formats: list[str], out: Path, gt: Path | None) -> "Converted":
    from flows.export_tracks import export_tracks
    from flows.runtime.repository import nearest_repository

    if not formats:
        raise InputError(f"export {run}: expected --format NAME, got none; `corrtrack export --help` names them")
    if gt is not None:
        raise InputError(f"--gt {gt}: expected --pred too; the tracks of a run are written without annotations")
    return export_tracks(nearest_repository(), run, formats, out)


def _report(converted: "Converted", *, as_json: bool) -> ExitCode:
    if as_json:
        content = {"refused": converted.refused, "left_out": converted.left_out}
        print_json({"written": [str(path) for path in converted.written], **content})
    else:
        for path in converted.written:
            print_line(Console(), str(path))
        for reason in (*converted.refused, *converted.left_out):
            print_line(Console(stderr=True), reason)
    if not converted.refused:
        return ExitCode.REJECTED if converted.left_out else ExitCode.DONE
    return ExitCode.REJECTED if converted.written else ExitCode.BAD_INPUT
