"""One folder of predictions against one folder of ground truth: every sequence on its own, then the totals."""

from collections.abc import Iterator
from collections.abc import Sequence as Many
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models.metrics.average_precision import Evidence, collect_evidence
from models.metrics.clear_mot import MotCounts, count_events, no_counts
from models.metrics.hota import HotaCounts, count_hota
from models.metrics.sequence import UndefinedMetricError, shared_blocks
from tasks.errors import InputError
from tasks.formats.errors import Notice, ScoringError
from tasks.formats.json_files import load_json
from tasks.formats.posetrack17 import is_posetrack17
from tasks.formats.posetrack18 import open_posetrack18
from tasks.formats.posetrack_conversion import posetrack18_from_17
from tasks.scoring.hota_view import hota_sequence
from tasks.scoring.notices import notices_of_files, notices_of_sequence
from tasks.scoring.poseval_view import poseval_sequence, read_points


@dataclass
class SequenceScores:
    """What one sequence adds to the totals; None where a metric is undefined."""

    name: str
    evidence: Evidence | None = None
    mot: MotCounts | None = None
    hota: HotaCounts | None = None
    corrected_mot: MotCounts | None = None
    corrected_hota: HotaCounts | None = None
    problems: dict[str, str] = field(default_factory=dict)
    """Why a metric is undefined, by metric: ap, mot, hota."""
    notices: list[Notice] = field(default_factory=list)


@dataclass(frozen=True)
class Pair:
    """The files of one sequence."""

    name: str
    truth: Path
    predicted: Path


def pair_files(truth_folder: Path, predicted_folder: Path) -> tuple[list[Pair], list[Notice]]:
    """Every annotated sequence with its prediction file of the same name, sorted by name.

    Raises:
        InputError: a folder is missing or holds no annotation file.
    """
    for folder, option in ((truth_folder, "--gt"), (predicted_folder, "--pred")):
        if not folder.is_dir():
            raise InputError(f"{option} {folder}: expected a folder of JSON files, got none")
    truths = sorted(path for path in truth_folder.glob("*.json") if not path.name.startswith("."))
    if not truths:
        raise InputError(f"--gt {truth_folder}: expected annotation files (*.json), got none")
    known = {path.name for path in truths}
    extra = sorted(path.name for path in predicted_folder.glob("*.json") if path.name not in known)
    text = f"no ground truth for {len(extra)} prediction files, they are passed over: {', '.join(extra[:5])}"
    notices = [Notice("extra_prediction_files", str(predicted_folder), text)] if extra else []
    return [Pair(path.name.split(".")[0], path, predicted_folder / path.name) for path in truths], notices


def score_pairs(pairs: Many[Pair], *, with_hota: bool = True, corrected: bool = False) -> Iterator[SequenceScores]:
    """Score sequence after sequence; only the largest one is in memory at any time."""
    for index, pair in enumerate(pairs):
        yield score_pair(pair, sequence_index=index, with_hota=with_hota, corrected=corrected)


def score_pair(
    pair: Pair, *, sequence_index: int = 0, with_hota: bool = True, corrected: bool = False
) -> SequenceScores:
    """Score one sequence; what cannot be scored is told in `problems` of the result, never raised."""
    scores = SequenceScores(pair.name)
    try:
        truth = load_json(pair.truth)
        if not pair.predicted.is_file():
            raise ScoringError(str(pair.predicted), "", "a prediction file for every annotation file", "none")
        predicted = load_json(pair.predicted)
    except ScoringError as error:
        scores.problems = dict.fromkeys(("ap", "mot", "hota") if with_hota else ("ap", "mot"), str(error))
        return scores
    files = _Files(pair, truth, predicted)
    _score_poseval(scores, files, sequence_index, corrected=corrected)
    if with_hota:
        _score_hota(scores, files, corrected=corrected)
    return scores


@dataclass(frozen=True)
class _Files:
    pair: Pair
    truth: Any
    predicted: Any


def _score_poseval(scores: SequenceScores, files: _Files, sequence_index: int, *, corrected: bool) -> None:
    try:
        truth = read_points(str(files.pair.truth), files.truth, is_truth=True)
        predicted = read_points(str(files.pair.predicted), files.predicted, is_truth=False)
        sequence = poseval_sequence(scores.name, truth, predicted, sequence_index=sequence_index)
    except ScoringError as error:
        scores.problems |= {"ap": str(error), "mot": str(error)}
        return
    blocks = shared_blocks(sequence)
    scores.notices += notices_of_files(files.truth, files.predicted, truth, predicted)
    scores.notices += notices_of_sequence(sequence, str(files.pair.predicted))
    scores.evidence = collect_evidence(sequence, blocks)
    if not sequence.frame_count:
        scores.mot = scores.corrected_mot = no_counts()
        return
    try:
        if corrected:
            scores.corrected_mot = count_events(sequence, blocks, corrected=True)
        scores.mot = count_events(sequence, blocks)
    except UndefinedMetricError as error:
        scores.problems["mot"] = f"{files.pair.truth}: {error}"


def _score_hota(scores: SequenceScores, files: _Files, *, corrected: bool) -> None:
    converted = is_posetrack17(files.truth) or is_posetrack17(files.predicted)
    try:
        truth, predicted = (
            open_posetrack18(str(path), posetrack18_from_17(str(path), data) if is_posetrack17(data) else data)
            for path, data in ((files.pair.truth, files.truth), (files.pair.predicted, files.predicted))
        )
        sequence = hota_sequence(scores.name, truth, predicted, scores.notices, same_ids=not converted)
        if converted:
            text = "HOTA is of the converted files: PoseTrack21's evaluator does not read PoseTrack17"
            scores.notices.append(Notice("hota_of_converted_files", str(files.pair.truth), text))
        blocks = shared_blocks(sequence)
        scores.hota = count_hota(sequence, blocks)
        if corrected:
            scores.corrected_hota = count_hota(sequence, blocks, corrected=True)
    except (InputError, UndefinedMetricError) as error:
        scores.problems["hota"] = str(error)
