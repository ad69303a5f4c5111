"""All sections of params.yaml in their order."""

from tasks.params.ablate import AblateParams
from tasks.params.compute import ComputeParams
from tasks.params.detect import DetectParams
from tasks.params.estimate import EstimateParams
from tasks.params.export import ExportParams
from tasks.params.finetune import FinetuneParams
from tasks.params.index import IndexParams
from tasks.params.merge import MergeParams
from tasks.params.pretrain import PretrainParams
from tasks.params.recover import RecoverParams
from tasks.params.report import ReportParams
from tasks.params.run import RunParams
from tasks.params.score import ScoreParams
from tasks.params.section import Section
from tasks.params.track import TrackParams
from tasks.params.train_refinement import TrainRefinementParams
from tasks.params.train_reid import TrainReidParams
from tasks.params.train_siamese import TrainSiameseParams


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
    export: ExportParams
    score: ScoreParams
    ablate: AblateParams
    report: ReportParams
