"""A training in a process of its own, which is killed or joined with others: `python -m tests.tasks.training.victim`.

... victim FOLDER die while|after EPOCH STEP: the stage pretrain, with a checkpoint after every step; it ends by SIGKILL
    while it writes the checkpoint of that step, or as soon as it is written.
... victim FOLDER join RANK SIZE: its training as one of SIZE gloo workers; weights go to FOLDER/weights_SIZE_RANK.pt.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import torch

from tasks import pretrain
from tasks.determinism import make_deterministic
from tasks.params.loading import load_params
from tasks.params.sections import Params
from tasks.progress import Progress
from tasks.training.checkpoint import CheckpointStore
from tasks.training.loop import Training
from tasks.training.parallel import Distributed, SingleProcess
from tasks.workspace import Workspace
from tests.tasks.training.conftest import REPOSITORY, shrunk, with_values


def main() -> None:
    folder, part, *rest = sys.argv[1:]
    workspace = Workspace.of_repository(Path(folder))
    params = shrunk(load_params(REPOSITORY / "params.yaml"))
    if part == "die":
        moment, *when = rest
        die(moment, tuple(map(int, when)))
        pretrain.run(workspace, with_values(params, "pretrain", passes_per_epoch=10))
    else:
        join(workspace, params, *map(int, rest))


def die(moment: str, when: tuple[int, ...]) -> None:
    """Let this process be killed by the checkpoint of epoch and step `when`."""
    save = CheckpointStore.save

    def kill(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def save_and_die(store: CheckpointStore, state: Any, *, epoch: int, step: int) -> Path:
        if (moment, epoch, step) == ("while", *when):
            os.fsync = kill  # all is written, nothing is renamed
        path = save(store, state, epoch=epoch, step=step)
        if (epoch, step) == when:
            kill()
        return path

    CheckpointStore.save = save_and_die


def join(workspace: Workspace, params: Params, rank: int, size: int) -> None:
    """Train as one of `size` workers."""
    folder = workspace.data.parent
    make_deterministic(0, 1)
    if size > 1:
        os.environ["GLOO_SOCKET_IFNAME"] = "lo"
        meeting = f"file://{folder / f'meeting_of_{size}'}"  # a port could be taken by another process meanwhile
        torch.distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=size)
    jobs = []
    pretrain.run_job = lambda job, *_, **__: jobs.append(job)
    pretrain.run(workspace, with_values(params, "pretrain", epochs=1, passes_per_epoch=7, micro_batches=4))
    store = CheckpointStore(folder / f"checkpoints_{size}", print)
    group = SingleProcess() if size == 1 else Distributed()
    training = Training(jobs[0], store=store, group=group, device="cpu", progress=Progress(None, "pretrain"))
    training.run()
    assert training.steps >= 5
    torch.save(training.network.state_dict(), folder / f"weights_{size}_{rank}.pt")


if __name__ == "__main__":
    main()
