"""What the official evaluator accepts without a word although the number may not mean what it seems to."""

from collections import Counter
from collections.abc import Sequence as Many
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.metrics.average_precision import Ties
from models.metrics.clear_mot import one_sided_frames
from models.metrics.sequence import MISSING_SCORE, Sequence, repeated_rows
from tasks.formats.points import PointFile
from tasks.formats.posetrack17 import is_posetrack17
from tasks.formats.posetrack18 import open_posetrack18, unknown_image_annotations
from tasks.formats.posetrack_names import is_one_foreign_video


@dataclass(frozen=True)
class Notice:
    """A fact that a reader of the scores must know; `code` is stable, `file` is empty for the whole run."""

    code: str
    file: str
    message: str


def notices_of_files(truth_data: Any, predicted_data: Any, truth: PointFile, predicted: PointFile) -> list[Notice]:
    """Nonsense in a pair of files that scoring survives."""
    notices = [*_of_file(truth), *_of_file(predicted), *_of_names(truth, predicted)]
    for side, data in ((truth, truth_data), (predicted, predicted_data)):
        if not is_posetrack17(data):
            notices += _of_posetrack18(side, data)
    repeats = len(repeated_rows(truth.person_frame, truth.track_id))
    if repeats:
        text = f"{repeats} persons have the track_id of another in the same frame; AP does not mind, tracking does"
        notices.append(Notice("repeated_truth_ids", truth.source, text))
    missing = int((predicted.point_score == MISSING_SCORE).sum())
    if missing:
        text = (
            f"{missing} of {len(predicted.point_score)} predicted joints have no score; poseval takes {MISSING_SCORE:g}"
        )
        notices.append(Notice("missing_scores", predicted.source, text))
    nan_scores = int(np.isnan(predicted.point_score).sum())
    if nan_scores:
        text = f"{nan_scores} predicted joints have the score NaN, which poseval sorts before all others"
        notices.append(Notice("nan_scores", predicted.source, text))
    return notices


def notices_of_sequence(sequence: Sequence, source: str) -> list[Notice]:
    """Oddities of the protocol that bear on this sequence."""
    notices = []
    one_sided = one_sided_frames(sequence)
    if one_sided:
        text = (
            f"{one_sided} frames lack predicted (or annotated) persons; for MOTA each is one miss and one false "
            "positive per joint, however many persons the other side has"
        )
        notices.append(Notice("one_sided_frames", source, text))
    flat = int((~(sequence.truth.head_size > 0)).sum())
    if flat:
        text = f"{flat} annotated persons have a head box without size; nothing matches them"
        notices.append(Notice("degenerate_heads", source, text))
    return notices


def notice_of_ties(ties: Ties) -> list[Notice]:
    """Whether equal scores leave the AP open."""
    count = int(ties.tied_counts.sum())
    if not count:
        return []
    text = (
        f"score ties: {count} predicted joints share their score with one of the other label, so the AP depends on an "
        f"unstable sort (numpy and processor); over all orders the total AP lies between {ties.lowest[-1]:.2f} and "
        f"{ties.highest[-1]:.2f}"
    )
    return [Notice("score_ties", "", text)]


def notice_of_unpaired(folder: Path, files: Many[Path]) -> Notice:
    """Prediction files of `folder` without ground truth."""
    names = ", ".join(path.name for path in files[:5])
    text = f"no ground truth for {len(files)} prediction files, they are passed over: {names}"
    return Notice("extra_prediction_files", str(folder), text)


def _of_file(side: PointFile) -> list[Notice]:
    notices = []
    bad = int((~np.isfinite(side.point_xy).all(axis=1)).sum())
    if bad:
        text = f"{bad} joints have a coordinate that is NaN or infinite; they count as joints and match nothing"
        notices.append(Notice("nan_coordinates", side.source, text))
    known = side.track_id[~np.isnan(side.track_id)]
    odd = int(((known < 0) | (known != np.floor(known))).sum())
    if odd:
        notices.append(Notice("odd_track_ids", side.source, f"{odd} persons have a negative or fractional track_id"))
    if len(known) < len(side.track_id):
        text = f"{len(side.track_id) - len(known)} rectangles have no track_id; poseval gives them their successor's"
        notices.append(Notice("missing_track_ids", side.source, text))
    return notices


def _of_names(truth: PointFile, predicted: PointFile) -> list[Notice]:
    pairs = zip(truth.frame_names, predicted.frame_names, strict=True)
    different = sum(_frame_number(left) != _frame_number(right) for left, right in pairs)
    if not different:
        return []
    text = f"{different} frames have another name than in {truth.source}; frames are paired by position, not by name"
    return [Notice("frame_names_differ", predicted.source, text)]


def _frame_number(name: str) -> str:
    return name.rpartition("/")[2].split(".")[0].lstrip("0")


def _of_posetrack18(side: PointFile, data: Any) -> list[Notice]:
    file = open_posetrack18(side.source, data)
    notices = []
    if is_one_foreign_video(side.frame_names):
        text = "the names of its frames do not follow PoseTrack18, so poseval itself refuses it; all are one video here"
        notices.append(Notice("foreign_frame_names", side.source, text))
    if file.others:
        text = f"{file.others} annotations are of other categories than the person, so poseval itself refuses the file"
        notices.append(Notice("other_categories", side.source, f"{text}; they are left out here"))
    unknown = unknown_image_annotations(file)
    if unknown:
        text = f"{unknown} annotations belong to no image of the file; AP and MOT pass over them"
        notices.append(Notice("unknown_image_annotations", side.source, text))
    if len(side.frame_names) < len(file.images):
        text = f"{len(file.images) - len(side.frame_names)} images are of a second video; only the first is scored"
        notices.append(Notice("several_videos", side.source, text))
    repeated = sum(count > 1 for count in Counter(image["id"] for image in file.images).values())
    if repeated:
        notices.append(Notice("repeated_image_ids", side.source, f"{repeated} image ids occur more than once"))
    unlabelled = {image["id"] for image in file.images if image.get("is_labeled", True) in (False, 0)}
    hidden = sum(entry.get("image_id") in unlabelled for entry in file.annotations) if unlabelled else 0
    if hidden:
        text = f"{hidden} annotations are on images with is_labeled false; AP and MOT count them, HOTA does not"
        notices.append(Notice("annotated_unlabelled_frames", side.source, text))
    return notices
