"""All sections of params.yaml in their order, and the part of them that one stage depends on."""

import json

from tasks.params.corpus import IndexParams
from tasks.params.inference import DetectParams, EstimateParams, MergeParams, RecoverParams, TrackParams
from tasks.params.reporting import AblateParams, ReportParams
from tasks.params.run import ComputeParams, RunParams
from tasks.params.scoring import ScoreParams
from tasks.params.section import Section
from tasks.params.training import (
    FinetuneParams,
    PretrainParams,
    TrainRefinementParams,
    TrainReidParams,
    TrainSiameseParams,
)


class Params(Section):
    """Every number of a run."""

    run: RunParams
    compute: ComputeParams
    index: IndexParams
    pretrain: PretrainParams
    finetune: FinetuneParams
    train_siamese: TrainSiameseParams
    train_refinement: TrainRefinementParams
    train_reid: TrainReidParams
    detect: DetectParams
    estimate: EstimateParams
    recover: RecoverParams
    track: TrackParams
    merge: MergeParams
    score: ScoreParams
    ablate: AblateParams
    report: ReportParams


def section_json(params: Params, stage: str, *also: str) -> str:
    """The sections `stage`, `run` and those named in `also` as canonical JSON: equal text means equal numbers.

    `compute` never belongs in it: a worker count must not make a result stale.
    """
    chosen = sorted({stage, "run", *also})
    tree = {name: getattr(params, name).model_dump(mode="json") for name in chosen}
    return json.dumps(tree, sort_keys=True, separators=(",", ":"), allow_nan=False)
