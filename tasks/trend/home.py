"""The folder of a trend run: one folder for each training and each corpus, each laid out like a checkout.

The correspondence network is trained several times, from seeds of its own; the corpora take turns with these trainings.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tasks.demo_corpus.seeds import stream_key
from tasks.params.edit import set_values
from tasks.params.loading import load_params
from tasks.params.sections import Params
from tasks.whole_files import write_whole
from tasks.workspace import Workspace

PROPAGATED: Final = "Propagated poses"
"""The variants that compare poses propagated by correspondences, with both kinds of boxes; not in the paper."""
FULL_DESIGN: Final = "Correspondences, detected"
"""The variant with every part of the design, with which those without a part are compared."""
SOURCES: Final = ("coco", "coco_then_posetrack", "posetrack")
"""What the correspondence network may be trained on (6.1)."""
WITHOUT_RESIDUAL: Final = "coco_without_residual"
"""The training on COCO, of a refinement without a residual."""
_FROM_RANDOM: Final[Mapping[str, Mapping[str, Any]]] = {
    **{source: {"train_siamese.source": source} for source in SOURCES},
    WITHOUT_RESIDUAL: {"train_siamese.source": "coco", "train_refinement.residual": False},
}
"""What the trainings from random weights change, by their names."""
_NO_TRAINING_DATA: Final = {
    "index.demo_corpus.coco_train_images": 0,
    "index.demo_corpus.coco_val_images": 0,
    "index.demo_corpus.train_videos": 0,
    "detect.splits": "[val]",
}
_TRAINING_VIDEOS_ONLY: Final = {"detect.splits": "[train]"}
_FROM_RANDOM_WEIGHTS: Final = {"train_siamese.start_weights": None, "train_refinement.start_weights": None}
"""Starting weights were trained on COCO pictures; sources are compared without them."""
_LONGER: Final = {
    "train_siamese.epochs": 8,
    "train_siamese.passes_per_epoch": 2,
    "train_siamese.learning_rate": 0.003,
    "train_siamese.warmup_epochs": 0.5,
    "train_siamese.size_px": 128,
    "train_refinement.epochs": 6,
    "train_refinement.passes_per_epoch": 2,
    "train_refinement.learning_rate": 0.0015,
    "train_refinement.warmup_epochs": 0.5,
    "train_refinement.size_px": 128,
}
"""What random weights need where the params are those of a short training from starting weights; in smaller views, each
of which takes a quarter of the time."""


@dataclass(frozen=True)
class TrendHome:
    """The folders of a run below `root`, by name: training, repeat-<number>, source-<source>, corpus-<number>."""

    root: Path

    @property
    def workspace(self) -> Workspace:
        """Where the steps log their progress; it holds no data."""
        return Workspace.of_repository(self.root)

    def folder(self, name: str) -> Workspace:
        """One of the folders; all trainings read the same pictures."""
        workspace = Workspace.of_repository(self.root / name)
        data = self.root / "training" / "data" if name.startswith(("source-", "repeat-")) else workspace.data
        return Workspace(data, workspace.artifacts, workspace.reports, workspace.state)

    def params(self, name: str) -> Params:
        """The numbers of one of the folders."""
        return load_params(self.root / name / "params.yaml")

    @property
    def thresholds(self) -> Path:
        """Acceptance threshold of every variant, chosen on the training videos."""
        return self.root / "thresholds.json"

    def scores(self, name: str) -> Path:
        """Scores of every variant on the videos of a corpus."""
        return self.root / name / "scores.safetensors"

    @property
    def plan(self) -> dict[str, Any]:
        """What the run is to do: {"corpora", "trainings", "resamples"}."""
        content: dict[str, Any] = json.loads((self.root / "plan.json").read_text(encoding="utf-8"))
        return content

    @property
    def corpora(self) -> list[str]:
        """Names of the judged corpora."""
        return [f"corpus-{number}" for number in range(1, self.plan["corpora"] + 1)]

    @property
    def repeats(self) -> list[str]:
        """Names of the further trainings of the correspondence network."""
        return [f"repeat-{number}" for number in range(2, self.plan["trainings"] + 1)]

    def training_of(self, corpus: str) -> int:
        """Number of the training, from 1, whose correspondence network tracks a corpus."""
        return self.corpora.index(corpus) % int(self.plan["trainings"]) + 1

    def correspondence_weights(self, corpus: str) -> Path:
        """Weights of the correspondence network that tracks a corpus."""
        folder = ("training", *self.repeats)[self.training_of(corpus) - 1]
        return self.folder(folder).weights("correspondence")

    @property
    def sources(self) -> dict[str, Workspace]:
        """Folder of each correspondence network trained from random weights, by source; one has no residual."""
        return {name: self.folder(f"source-{name}") for name in _FROM_RANDOM}


def lay_out(root: Path, params_text: str, params: Params, *, corpora: int, trainings: int, resamples: int) -> TrendHome:
    """Write the plan and the params.yaml of every folder; what earlier runs left there is used as far as it fits.

    Args:
        root: folder of the run.
        params_text: params of the training, as YAML; the other folders change a few numbers of it.
        params: the same, checked.
        corpora: how many corpora are judged.
        trainings: how many trainings of the correspondence network they take turns with.
        resamples: draws of the bootstrap.
    """
    home = TrendHome(root)
    plan = {"corpora": corpora, "trainings": trainings, "resamples": resamples}
    write_whole(root / "plan.json", json.dumps(plan, indent=1) + "\n")
    changes: dict[str, dict[str, Any]] = {"training": dict(_TRAINING_VIDEOS_ONLY)}
    anew = _FROM_RANDOM_WEIGHTS | (_LONGER if params.train_siamese.start_weights is not None else {})
    changes |= {f"source-{name}": {**values, **anew} for name, values in _FROM_RANDOM.items()}
    changes |= {name: {"run.seed": stream_key(params.run.seed, name) % (1 << 31)} for name in home.repeats}
    seeds = fresh_seeds(params.run.seed, corpora)
    changes |= {name: {"run.seed": seed} | _NO_TRAINING_DATA for name, seed in zip(home.corpora, seeds, strict=True)}
    for name, values in changes.items():
        write_whole(root / name / "params.yaml", _changed(params_text, {"compute.executor": "local"} | values))
    return home


def step_names(home: TrendHome) -> dict[str, list[str]]:
    """Every step, in order, with the steps it reads from."""
    sources = [f"source-{source}" for source in home.sources]
    steps = {"data": [], "training": ["data"]} | {name: ["data"] for name in (*home.repeats, *sources)}
    steps["thresholds"] = ["training", *sources]
    steps |= {name: ["thresholds", *home.repeats] for name in home.corpora}
    return steps | {"results": home.corpora}


def fresh_seeds(seed: int, count: int) -> list[int]:
    """Seeds of the judged corpora: drawn from `seed`, so that nobody has picked them."""
    return [stream_key(seed, "judged corpus", number) % (1 << 31) for number in range(count)]


def _changed(text: str, values: dict[str, Any]) -> str:
    texts = {key: "null" if value is None else str(value) for key, value in values.items()}
    ((edited, _),) = set_values(text, [texts])
    return edited
