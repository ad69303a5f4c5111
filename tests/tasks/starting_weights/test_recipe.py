"""The recipe of the starting weights, and what it publishes."""

from pathlib import Path

import pytest

from models.networks.correspondence import CorrespondenceNetwork, RefinementNetwork, SiameseNetwork
from models.networks.pose import PoseNetwork
from models.networks.reid import ReidNetwork
from models.weight_files import WeightsError, read_weights, save_weights
from tasks.params.loading import parse_params
from tasks.params.profiles import profile_text
from tasks.stages import STAGES
from tasks.starting_weights.publication import CURVES, publish
from tasks.starting_weights.recipe import ROUNDS, Round, round_params
from tasks.trend.home import fresh_seeds
from tasks.workspace import Workspace
from tests.tasks.training.conftest import make_workspace, shrunk

PROFILES = Path(__file__).parents[3] / "profiles"


def params_of(part: Round):
    return round_params(PROFILES, part)


@pytest.fixture
def home(tmp_path):
    """What the recipe leaves behind, in tiny."""
    workspace = make_workspace(tmp_path / "home")
    siamese = SiameseNetwork(width=0.0625)
    networks = {
        "pose": PoseNetwork(width=0.0625, stages=1),
        "siamese": siamese,
        "correspondence": CorrespondenceNetwork(siamese, RefinementNetwork(width=0.0625)),
        "reid": ReidNetwork(width=0.0625, embedding=8, identities=2),
    }
    for name, network in networks.items():
        save_weights(
            workspace.weights(name), network, kind=name, architecture=network.architecture, params={"source": "coco"}
        )
    for name in CURVES:
        path = workspace.artifacts / "plots" / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("epoch,loss,rate\n")
    return tmp_path / "home"


def test_rounds_read_corpora_whose_seeds_nobody_else_has():
    demo = parse_params(profile_text(PROFILES, "demo"), name="demo").run.seed
    assert not {params_of(part).run.seed for part in ROUNDS} & {demo, *fresh_seeds(demo, 100)}


def test_a_round_with_another_corpus_indexes_it():
    corpora = [
        (params.run.seed, params.index.demo_corpus.model_dump_json()) for params in (params_of(part) for part in ROUNDS)
    ]
    changes = [number for number, corpus in enumerate(corpora) if number == 0 or corpus != corpora[number - 1]]
    assert changes == [number for number, part in enumerate(ROUNDS) if "index" in part.stages]


def test_every_training_of_the_pipeline_belongs_to_a_round():
    stages = {stage for part in ROUNDS for stage in part.stages}
    assert {name for name, stage in STAGES.items() if stage.trains} <= stages


def test_a_later_round_starts_from_what_an_earlier_one_keeps():
    kept = {f"artifacts/models/{name}.safetensors" for part in ROUNDS[:-1] for name in part.kept.values()}
    sections = [section for part in ROUNDS[1:] for section in sections_of(part)]
    assert {section.start_weights for section in sections} - {None} <= kept


def sections_of(part: Round):
    params = params_of(part)
    return params.finetune, params.train_siamese, params.train_refinement


def test_networks_are_published_in_half_precision_with_their_curves(home, tmp_path):
    target = tmp_path / "published"
    written = publish(home, target, shrunk(params_of(ROUNDS[-1])))
    assert {path.relative_to(target).as_posix() for path in written} == {
        *("pose.safetensors", "correspondence.safetensors", "reid.safetensors"),
        *(f"curves/{name}.csv" for name in (*CURVES, "reliability")),
    }
    refinement = read_weights(target / "correspondence.safetensors").architecture["refinement"]
    assert len(refinement["calibration"]) == 3
    for name in ("pose", "correspondence", "reid"):
        stored = read_weights(target / f"{name}.safetensors")
        assert (stored.kind, stored.params) == (name, {"source": "coco"})
        original = Workspace.of_repository(home).weights(name)
        assert (target / f"{name}.safetensors").stat().st_size < 0.75 * original.stat().st_size


def test_nothing_is_published_when_a_network_is_missing(home, tmp_path):
    Workspace.of_repository(home).weights("reid").unlink()
    with pytest.raises(WeightsError, match=r"reid\.safetensors: no such weight file"):
        publish(home, tmp_path / "published", params_of(ROUNDS[-1]))
    assert not (tmp_path / "published").exists()
