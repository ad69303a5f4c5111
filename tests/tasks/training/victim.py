"""A training in a process of its own, to be killed or joined with others.

victim.py FOLDER: the stage pretrain, with a checkpoint after every step.
victim.py FOLDER RANK SIZE PORT: its training as one of SIZE gloo workers; weights go to FOLDER/weights_SIZE_RANK.pt.
"""

import os
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))
import conftest

from tasks import pretrain
from tasks.determinism import make_deterministic
from tasks.params import load_params
from tasks.progress import Progress
from tasks.training.checkpoint import CheckpointStore
from tasks.training.loop import Training
from tasks.training.parallel import Alone, Joined
from tasks.workspace import Workspace


def main() -> None:
    folder = Path(sys.argv[1])
    workspace = Workspace.of_repository(folder)
    params = conftest.shrunk(load_params(conftest.REPOSITORY / "params.yaml"))
    if len(sys.argv) == 2:
        pretrain.run(workspace, conftest.with_values(params, "pretrain", passes_per_epoch=10))
        return
    rank, size, port = sys.argv[2:]
    make_deterministic(0, 1)
    if size != "1":
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "GLOO_SOCKET_IFNAME": "lo"}
        torch.distributed.init_process_group("gloo", rank=int(rank), world_size=int(size))
    jobs = []
    pretrain.run_job = lambda job, *_, **__: jobs.append(job)
    pretrain.run(workspace, conftest.with_values(params, "pretrain", epochs=1, passes_per_epoch=7, micro_batches=4))
    store = CheckpointStore(folder / f"checkpoints_{size}", print)
    group = Alone() if size == "1" else Joined()
    training = Training(jobs[0], store=store, group=group, device="cpu", progress=Progress(None, "pretrain"))
    training.run()
    assert training.steps >= 5
    torch.save(training.network.state_dict(), folder / f"weights_{size}_{rank}.pt")


if __name__ == "__main__":
    main()
