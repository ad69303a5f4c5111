"""The steps of a trend run; each is a process of its own, and each does only what is not done already.

What a step needs is imported where it is needed: a step that is done already shall not load torch.
"""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from tasks.demo_corpus.corpus import MARKER, is_current, synthesise
from tasks.determinism import make_deterministic
from tasks.params.sections import Params
from tasks.progress import current
from tasks.provenance import recorded
from tasks.stage_run import run_stage
from tasks.stages import STAGES
from tasks.tables import read_table
from tasks.tables.schemas import VIDEOS
from tasks.trend.finished import key_of, once, stage_key
from tasks.trend.home import TrendHome
from tasks.whole_files import whole_file
from tasks.workspace import Workspace

_TRACKING: Final = tuple(STAGES)[: list(STAGES).index("score")]
"""Everything that leads to tracks; a trend run scores them by itself."""
TRAINING: Final = _TRACKING
CORRESPONDENCES: Final = (
    "index",
    *(name for name in _TRACKING if STAGES[name].weights in ("siamese", "correspondence")),
)
CORPUS: Final = tuple(name for name in _TRACKING if not STAGES[name].trains)
_NETWORKS: Final = ("pose", "correspondence", "reid")


def run_step(home: TrendHome, name: str, *, reports: Path) -> None:
    """Do one step; `reports` is where the results go."""
    kind = name.partition("-")[0]
    steps: dict[str, Callable[[], None]] = {
        "data": partial(_synthesise, home, "training"),
        "training": partial(_run_stages, home, "training", TRAINING),
        "repeat": partial(_run_stages, home, name, CORRESPONDENCES),
        "source": partial(_run_stages, home, name, CORRESPONDENCES),
        "thresholds": partial(_choose_thresholds, home),
        "corpus": partial(_judge, home, name),
        "results": partial(_write_results, home, reports),
    }
    with recorded(name, home.workspace):
        steps[kind]()


def _synthesise(home: TrendHome, name: str) -> None:
    params, root = home.params(name), home.folder(name).data
    if not is_current(root, params.index.demo_corpus, params.run.seed):
        synthesise(root, params.index.demo_corpus, seed=params.run.seed, report=lambda *_: None)


def _run_stages(home: TrendHome, name: str, stages: tuple[str, ...], *inputs: Path) -> None:
    """Run the stages one after the other, each unless it was done with the same code, params and inputs."""
    workspace, params = home.folder(name), home.params(name)
    key = key_of("tasks.demo_corpus.corpus", params, workspace.data / MARKER, *inputs)
    current().start("stages", len(stages))
    for done, stage in enumerate(stages, start=1):
        key = stage_key(stage, params, key)
        records = [workspace.provenance / f"{stage}.json"]
        once(_marker(workspace, stage), key, partial(run_stage, stage, workspace, params), results=records)
        current().advance(done, finished=stage)


def _choose_thresholds(home: TrendHome) -> None:
    params = home.params("training")
    key = key_of("tasks.trend.variants", params, *_weights(home))
    once(_marker(home.workspace, "thresholds"), key, partial(_sweep, home, params), results=[home.thresholds])


def _sweep(home: TrendHome, params: Params) -> None:
    from tasks.trend.variants import choose_thresholds

    make_deterministic(params.run.seed, params.run.threads_per_worker)
    choose_thresholds(home)


def _judge(home: TrendHome, name: str) -> None:
    """Synthesise the corpus, track it, and score every variant."""
    _synthesise(home, name)
    workspace, params = home.folder(name), home.params(name)
    for network in _NETWORKS:
        repeated = network == "correspondence"
        trained = home.correspondence_weights(name) if repeated else home.folder("training").weights(network)
        with whole_file(workspace.weights(network)) as partial_file:
            shutil.copyfile(trained, partial_file)
    networks = [workspace.weights(network) for network in _NETWORKS]
    _run_stages(home, name, CORPUS, *networks)
    inputs = (workspace.data / MARKER, home.thresholds, *networks, *_weights(home))
    key = key_of("tasks.trend.variants", params, *inputs)
    scores = home.scores(name)
    once(_marker(workspace, "scores"), key, partial(_write_scores, home, name, params), results=[scores])


def _write_scores(home: TrendHome, name: str, params: Params) -> None:
    from tasks.trend.scores import CorpusScores, write_scores
    from tasks.trend.variants import judge

    make_deterministic(params.run.seed, params.run.threads_per_worker)
    judgement = judge(home, name)
    rows = read_table(VIDEOS, VIDEOS.path(home.folder(name).tables)).to_pylist()
    videos, tags = [row["video_id"] for row in rows], [list(row["tags"]) for row in rows]
    frames, seed = sum(row["frame_count"] for row in rows), params.run.seed
    scores = CorpusScores(seed, videos, tags, frames, judgement, training=home.training_of(name))
    write_scores(home.scores(name), scores)


def _write_results(home: TrendHome, reports: Path) -> None:
    from tasks.trend.results import write_results

    write_results(home, reports)


def _weights(home: TrendHome) -> list[Path]:
    files = [home.folder("training").weights(network) for network in _NETWORKS]
    return files + [trained.weights("correspondence") for trained in home.sources.values()]


def _marker(workspace: Workspace, name: str) -> Path:
    return workspace.state / "done" / f"{name}.key"
