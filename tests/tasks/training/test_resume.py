"""A training that is killed goes on and ends with the bytes of one that was not; nothing is trained twice."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tasks import pretrain
from tasks.progress import Progress, as_current
from tasks.training.loop import Training

ROOT = Path(__file__).parents[3]


@pytest.fixture
def long_params(params, changed):
    return changed(params, "pretrain", passes_per_epoch=10)


@pytest.fixture
def steps(monkeypatch):
    """Counts the steps that are taken."""
    taken = []
    original = Training._take_step

    def counted(self, *arguments):
        taken.append((self.epoch, self.step))
        return original(self, *arguments)

    monkeypatch.setattr(Training, "_take_step", counted)
    return taken


def train(workspace, params) -> tuple[bytes, bytes, Progress]:
    progress = Progress(None, "pretrain")
    with as_current(progress):
        pretrain.run(workspace, params)
    curves = (workspace.artifacts / "plots/pretrain.csv").read_bytes()
    return workspace.weights("pose_pretrained").read_bytes(), curves, progress


def checkpoints(workspace) -> list[Path]:
    return sorted(workspace.state.glob("checkpoints/pretrain/*/epoch_*.pt"))


def half_written(workspace) -> list[Path]:
    return list(workspace.state.glob("checkpoints/pretrain/*/*.partial"))


def killed(workspace, moment: str, epoch: int, step: int) -> None:
    """Train in a process that is killed while it writes the checkpoint of this step, or right after it."""
    process = [sys.executable, "-m", "tests.tasks.training.victim"]
    command = [*process, str(workspace.data.parent), "die", moment, str(epoch), str(step)]
    victim = subprocess.run(command, cwd=ROOT, stderr=subprocess.PIPE)
    assert victim.returncode == -signal.SIGKILL, victim.stderr.decode()


def test_killed_twice_it_ends_with_the_same_bytes(workspace, long_params, steps, tmp_path):
    weights, curves, _ = train(workspace, long_params)
    all_steps, final = list(steps), workspace.state
    final.rename(tmp_path / "elsewhere")
    workspace.weights("pose_pretrained").unlink()
    killed(workspace, "after", epoch=0, step=3)
    assert [path.name[:22] for path in checkpoints(workspace)] == ["epoch_0000_step_000002", "epoch_0000_step_000003"]
    killed(workspace, "while", epoch=1, step=2)
    assert [path.name[:22] for path in checkpoints(workspace)] == ["epoch_0001_step_000000", "epoch_0001_step_000001"]
    assert len(half_written(workspace)) == 1
    steps.clear()
    resumed, resumed_curves, _ = train(workspace, long_params)
    assert steps == all_steps[all_steps.index((1, 1)) :]
    assert half_written(workspace) == []
    assert resumed == weights
    assert resumed_curves == curves


def test_a_damaged_last_checkpoint_costs_a_few_steps_and_no_result(workspace, params, steps):
    weights, curves, _ = train(workspace, params)
    (workspace.state / "checkpoints").glob("pretrain/*/final.json").__next__().unlink()
    last = checkpoints(workspace)[-1]
    last.write_bytes(last.read_bytes()[:100])
    steps.clear()
    again, again_curves, progress = train(workspace, params)
    assert (again, again_curves) == (weights, curves)
    assert len(steps) == 1
    assert len(progress.notices) == 1
    assert last.name in progress.notices[0]


def test_a_finished_training_is_found_again(workspace, params, steps):
    weights, curves, first = train(workspace, params)
    workspace.weights("pose_pretrained").unlink()
    (workspace.artifacts / "plots/pretrain.csv").unlink()
    steps.clear()
    again, again_curves, second = train(workspace, params)
    assert (again, again_curves, second.metrics) == (weights, curves, first.metrics)
    assert steps == []


@pytest.mark.parametrize(
    ("change", "trains"),
    [({"learning_rate": 0.0123}, True), ({"workers": 2}, False), ({"checkpoint_seconds": 9.0}, False)],
)
def test_other_numbers_are_another_training_and_other_workers_are_not(
    workspace, params, changed, steps, change, trains
):
    train(workspace, params)
    steps.clear()
    train(workspace, changed(params, "pretrain", **change))
    assert bool(steps) == trains


def test_other_code_keeps_the_weights_and_says_so(workspace, params, steps):
    train(workspace, params)
    next(workspace.state.glob("checkpoints/pretrain/*/code.txt")).write_text("other\n")
    steps.clear()
    _, _, progress = train(workspace, params)
    assert steps == []
    assert "the code has changed" in progress.notices[0]
    assert str(workspace.state) not in progress.notices[0], "a path of one machine"
