"""Score a folder of predictions: files in, files out."""

from dataclasses import dataclass
from pathlib import Path

from tasks.formats.file_pairs import pair_files
from tasks.out_folder import claim_out_folder
from tasks.scoring.evaluation import score_pairs
from tasks.scoring.notices import Notice, notice_of_ties, notice_of_unpaired
from tasks.scoring.results import write_results
from tasks.scoring.totals import Totals, total


@dataclass(frozen=True)
class Request:
    """What `corrtrack score` was asked for."""

    truth: Path
    predicted: Path
    out: Path
    per_sequence: bool = False
    with_hota: bool = True
    corrected: bool = False


@dataclass(frozen=True)
class ScoreOutcome:
    """What was written and what a reader must know."""

    totals: Totals
    notices: tuple[Notice, ...]
    files: tuple[Path, ...]
    sequence_count: int

    @property
    def is_complete(self) -> bool:
        """Whether AP and MOT are defined; HOTA may be missing."""
        return self.totals.ap is not None and self.totals.mot is not None


def score_folder(request: Request) -> ScoreOutcome:
    """Score every annotated sequence and write the results to `request.out`.

    Raises:
        InputError: a folder is missing or empty, or `out` holds other files or cannot be written to.
    """
    pairs, unpaired = pair_files(request.truth, request.predicted)
    out = claim_out_folder(request.out, inputs=[request.truth, request.predicted])
    scores = list(score_pairs(pairs, with_hota=request.with_hota, corrected=request.corrected))
    totals = total(scores)
    notices = [notice_of_unpaired(request.predicted, unpaired)] if unpaired else []
    notices += [notice for part in scores for notice in part.notices]
    notices += notice_of_ties(totals.ties) if totals.ties is not None else []
    notices += [Notice("hota_undefined", "", f"no HOTA: {reason}") for reason in totals.problems.get("hota", [])]
    files = write_results(out, scores, totals, notices, per_sequence=request.per_sequence)
    return ScoreOutcome(totals, tuple(notices), tuple(files), len(scores))
