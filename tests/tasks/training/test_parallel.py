"""How many workers share a step changes nothing."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from tasks import pretrain
from tasks.errors import InputError
from tasks.progress import progress_file, read_events
from tasks.training.parallel import SingleProcess, share_of, tree_sum
from tasks.training.workers import check_room

ROOT = Path(__file__).parents[3]
VICTIM = [sys.executable, "-m", "tests.tasks.training.victim"]


@given(st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=16))
def test_tree_sum_is_a_sum(values):
    first, second = tree_sum([torch.tensor(value), torch.tensor(2 * value)] for value in values)
    assert float(first) == pytest.approx(sum(values), rel=1e-4, abs=1e-2)
    assert float(second) == pytest.approx(2 * sum(values), rel=1e-4, abs=1e-2)


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_the_workers_sums_are_subtrees_to_the_last_bit(workers):
    terms = torch.randn(8, 1000, generator=torch.Generator().manual_seed(0)) * 10 ** torch.arange(-4.0, 4.0)[:, None]
    each = 8 // workers
    partial = [tree_sum([term] for term in terms[start : start + each]) for start in range(0, 8, each)]
    assert torch.equal(tree_sum(partial)[0], tree_sum([term] for term in terms)[0])


@pytest.mark.parametrize(("rank", "size", "share"), [(0, 1, [0, 1, 2, 3]), (0, 2, [0, 1]), (1, 2, [2, 3]), (3, 4, [3])])
def test_shares(rank, size, share):
    group = SingleProcess()
    group.rank, group.size = rank, size
    assert list(share_of(group, 4)) == share


def test_two_gloo_workers_equal_one(workspace):
    root = workspace.data.parent
    runs = [
        subprocess.Popen([*VICTIM, str(root), "join", str(rank), str(size)], cwd=ROOT)
        for size in (1, 2)
        for rank in range(size)
    ]
    assert [run.wait(timeout=300) for run in runs] == [0, 0, 0]
    single, first, second = (torch.load(root / f"weights_{name}.pt") for name in ("1_0", "2_0", "2_1"))
    for name, tensor in single.items():
        assert torch.allclose(first[name].double(), tensor.double(), rtol=0, atol=1e-5), name
        assert torch.equal(first[name], second[name]), name


@pytest.mark.parametrize(
    ("nodes", "on_gpu", "fit"),
    [
        ([{"CPU": 4.0}], False, 2),
        ([{"CPU": 3.0}, {"CPU": 3.0}], False, 2),
        ([{"CPU": 8.0, "GPU": 1.0}], True, 1),
        ([{"CPU": 8.0}], True, 0),
    ],
)
def test_workers_that_ray_has_no_room_for_are_refused(params, changed, nodes, on_gpu, fit):
    section = changed(params, "pretrain", workers=3, threads=2, micro_batches=3).pretrain
    check_room("pretrain", section, nodes=[{"CPU": 8.0, "GPU": 8.0}], gpus=float(on_gpu))
    with pytest.raises(InputError, match=rf"pretrain\.workers: expected at most {fit}, .*, got 3; .*compute\.address"):
        check_room("pretrain", section, nodes=nodes, gpus=float(on_gpu))


@pytest.mark.end_to_end
def test_ray_train_gives_the_weights_of_one_process_and_passes_errors_on(workspace, params, changed):
    path, two_workers = workspace.weights("pose_pretrained"), changed(params, "pretrain", workers=2)
    pretrain.run(workspace, params)
    expected = load_file(path)
    (workspace.state / "checkpoints").rename(workspace.state / "elsewhere")
    path.unlink()
    pretrain.run(workspace, two_workers)
    tensors = load_file(path)
    assert all(torch.allclose(tensors[name].double(), expected[name].double(), atol=1e-5) for name in expected)
    events, _ = read_events(progress_file(workspace.state, "pretrain"))
    reported = [event["done"] for event in events if event["kind"] == "advance"]
    assert [done for done in reported if done == int(done)] == [1, 2]
    (workspace.data / "coco/images/3.png").unlink()
    with pytest.raises(InputError, match=r"3\.png: expected a readable picture"):
        pretrain.run(workspace, changed(two_workers, "pretrain", learning_rate=0.001))
