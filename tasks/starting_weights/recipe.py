"""The recipe of the starting weights: rounds of stages, each by a profile, in a folder laid out like a checkout.

A round that was interrupted goes on from its checkpoints; a finished training is found again.
"""

import contextlib
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tasks.demo_corpus.corpus import is_current, synthesise
from tasks.params.loading import parse_params
from tasks.params.profiles import whole_text
from tasks.params.sections import Params
from tasks.stage_run import run_stage
from tasks.whole_files import whole_file
from tasks.workspace import Workspace


@dataclass(frozen=True)
class Round:
    """Stages that run one after the other by one profile."""

    profile: str
    stages: tuple[str, ...]
    kept: Mapping[str, str] = field(default_factory=dict)
    """Weights and curves that a later round would replace, by name, and the name under which they are kept."""


ROUNDS: Final = (
    Round(
        "round_1",
        ("index", "pretrain", "finetune", "train_siamese"),
        kept={
            "pose": "pose_round_1",
            "finetune": "finetune_round_1",
            "siamese": "siamese_round_1",
            "train_siamese": "train_siamese_round_1",
        },
    ),
    Round("round_2", ("finetune",), kept={"pose": "pose_round_2", "finetune": "finetune_round_2"}),
    Round("round_3", ("finetune",), kept={"pose": "pose_round_3", "finetune": "finetune_round_3"}),
    Round(
        "round_4",
        ("finetune", "train_siamese", "train_refinement", "train_reid"),
        kept={
            "pose": "pose_round_4",
            "finetune": "finetune_round_4",
            "siamese": "siamese_round_2",
            "train_siamese": "train_siamese_round_2",
            "correspondence": "correspondence_round_1",
            "train_refinement": "train_refinement_round_1",
        },
    ),
    Round(
        "refinement",
        ("train_refinement",),
        kept={"correspondence": "correspondence_round_2", "train_refinement": "train_refinement_round_2"},
    ),
    Round("frames", ("train_siamese", "train_refinement")),
    Round("round_5", ("index", "finetune"), kept={"pose": "pose_round_5", "finetune": "finetune_round_5"}),
    Round("round_6", ("index", "finetune"), kept={"pose": "pose_round_6", "finetune": "finetune_round_6"}),
    Round("round_7", ("index", "finetune"), kept={"pose": "pose_round_7", "finetune": "finetune_round_7"}),
    Round("round_8", ("index", "finetune")),
)
"""The pose network is trained eight times, the Siamese network and the refinement three times, each with a warm restart
of the rate from the weights of the round before; from the fifth round on each has a corpus of its own."""


def train(home: Path, profiles: Path, *, report: Callable[[str], None]) -> None:
    """Synthesise the corpora and run every round below `home`; what is done already is used as it is.

    Paths in the profiles, such as start_weights, are relative to `home`.
    """
    workspace = Workspace.of_repository(home.absolute())
    for part in ROUNDS:
        params = round_params(profiles, part)
        _synthesise(workspace, params)
        for stage in part.stages:
            report(f"{part.profile}: {stage}")
            with contextlib.chdir(home):
                run_stage(stage, workspace, params)
        for name, kept in part.kept.items():
            for path in (workspace.weights(name), workspace.artifacts / "plots" / f"{name}.csv"):
                if path.is_file():
                    _copy(path, path.with_stem(kept))


def round_params(profiles: Path, part: Round) -> Params:
    """The params of a round, by its profile in the folder `weights` of `profiles`, which `--profile` does not offer."""
    path = profiles / "weights" / f"{part.profile}.yaml"
    return parse_params(whole_text(path, profiles), name=path.name)


def _synthesise(workspace: Workspace, params: Params) -> None:
    corpus, seed = params.index.demo_corpus, params.run.seed
    if not is_current(workspace.data, corpus, seed):
        synthesise(workspace.data, corpus, seed=seed)


def _copy(source: Path, target: Path) -> None:
    with whole_file(target) as partial:
        shutil.copyfile(source, partial)
