"""One folder of predictions against one folder of ground truth: every sequence on its own, then the totals."""

from collections.abc import Iterator
from collections.abc import Sequence as Many
from dataclasses import dataclass, field
from typing import Any

from models.metrics.average_precision import LabelledPredictions, label_predictions
from models.metrics.clear_mot import MotCounts, count_events, no_counts
from models.metrics.hota import HotaCounts, count_hota
from models.metrics.sequence import UndefinedMetricError, shared_blocks
from tasks.errors import InputError
from tasks.formats.errors import FormatError
from tasks.formats.file_pairs import FilePair
from tasks.formats.json_files import load_json
from tasks.formats.posetrack17 import is_posetrack17
from tasks.formats.posetrack18 import open_posetrack18
from tasks.formats.posetrack_files import as_posetrack18, read_points
from tasks.scoring.hota_view import hota_sequence
from tasks.scoring.notices import Notice, notices_of_files, notices_of_sequence
from tasks.scoring.poseval_view import poseval_sequence


@dataclass
class SequenceScores:
    """What one sequence adds to the totals; None where a metric is undefined."""

    name: str
    evidence: LabelledPredictions | None = None
    mot: MotCounts | None = None
    hota: HotaCounts | None = None
    corrected_mot: MotCounts | None = None
    corrected_hota: HotaCounts | None = None
    problems: dict[str, str] = field(default_factory=dict)
    """Why a metric is undefined, by metric: ap, mot, hota."""
    notices: list[Notice] = field(default_factory=list)


@dataclass(frozen=True)
class Document:
    """A file that is read: what messages call it, and its JSON value."""

    source: str
    value: Any


def score_pairs(pairs: Many[FilePair], *, with_hota: bool = True, corrected: bool = False) -> Iterator[SequenceScores]:
    """Score sequence after sequence; only the largest one is in memory at any time."""
    for index, pair in enumerate(pairs):
        yield score_pair(pair, sequence_index=index, with_hota=with_hota, corrected=corrected)


def score_pair(
    pair: FilePair, *, sequence_index: int = 0, with_hota: bool = True, corrected: bool = False
) -> SequenceScores:
    """Score one sequence; what cannot be scored is listed in `problems` of the result, never raised."""
    try:
        truth = Document(str(pair.truth), load_json(pair.truth))
        if not pair.predicted.is_file():
            raise FormatError(str(pair.predicted), "", "a prediction file for every annotation file", "none")
        predicted = Document(str(pair.predicted), load_json(pair.predicted))
    except FormatError as error:
        metrics = ("ap", "mot", "hota") if with_hota else ("ap", "mot")
        return SequenceScores(pair.name, problems=dict.fromkeys(metrics, str(error)))
    return score_documents(
        pair.name, truth, predicted, sequence_index=sequence_index, with_hota=with_hota, corrected=corrected
    )


def score_documents(
    name: str,
    truth: Document,
    predicted: Document,
    *,
    sequence_index: int = 0,
    with_hota: bool = True,
    corrected: bool = False,
) -> SequenceScores:
    """Score one sequence whose files are read; what cannot be scored is listed in `problems`, never raised."""
    scores = SequenceScores(name)
    files = _Documents(truth, predicted)
    _score_poseval(scores, files, sequence_index, corrected=corrected)
    if with_hota:
        _score_hota(scores, files, corrected=corrected)
    return scores


@dataclass(frozen=True)
class _Documents:
    truth: Document
    predicted: Document


def _score_poseval(scores: SequenceScores, files: _Documents, sequence_index: int, *, corrected: bool) -> None:
    try:
        truth = read_points(files.truth.source, files.truth.value, is_truth=True)
        predicted = read_points(files.predicted.source, files.predicted.value, is_truth=False)
        sequence = poseval_sequence(scores.name, truth, predicted, sequence_index=sequence_index)
    except FormatError as error:
        scores.problems |= {"ap": str(error), "mot": str(error)}
        return
    blocks = shared_blocks(sequence)
    scores.notices += notices_of_files(files.truth.value, files.predicted.value, truth, predicted)
    scores.notices += notices_of_sequence(sequence, files.predicted.source)
    scores.evidence = label_predictions(sequence, blocks)
    if not sequence.frame_count:
        scores.mot = scores.corrected_mot = no_counts()
        return
    try:
        if corrected:
            scores.corrected_mot = count_events(sequence, blocks, corrected=True)
        scores.mot = count_events(sequence, blocks)
    except UndefinedMetricError as error:
        scores.problems["mot"] = f"{files.truth.source}: {error}"


def _score_hota(scores: SequenceScores, files: _Documents, *, corrected: bool) -> None:
    converted = is_posetrack17(files.truth.value) or is_posetrack17(files.predicted.value)
    try:
        truth, predicted = (
            open_posetrack18(side.source, as_posetrack18(side.source, side.value))
            for side in (files.truth, files.predicted)
        )
        sequence = hota_sequence(scores.name, truth, predicted, scores.notices, same_ids=not converted)
        if converted:
            text = "HOTA is of the converted files: PoseTrack21's evaluator does not read PoseTrack17"
            scores.notices.append(Notice("hota_of_converted_files", files.truth.source, text))
        blocks = shared_blocks(sequence)
        scores.hota = count_hota(sequence, blocks)
        if corrected:
            scores.corrected_hota = count_hota(sequence, blocks, corrected=True)
    except (InputError, UndefinedMetricError) as error:
        scores.problems["hota"] = str(error)
