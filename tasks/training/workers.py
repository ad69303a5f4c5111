"""One training on several processes, by Ray Train: each computes its share of the micro-batches of every step."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch
from ray.train import RunConfig, ScalingConfig
from ray.train.torch import TorchConfig, TorchTrainer

from tasks.determinism import make_deterministic
from tasks.errors import InputError
from tasks.gpus import gpus_on_ray
from tasks.params.training import TrainingSection
from tasks.progress import Progress, as_current, current, progress_file, read_events
from tasks.shards.ray_cluster import Resources, most_gpus, node_resources, ray_cluster, workers_that_fit
from tasks.training.checkpoint import CheckpointStore
from tasks.training.job import TrainingError, TrainingJob
from tasks.training.loop import Training, train_to_end
from tasks.training.parallel import Distributed
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.params.sections import Params

_LOG: Final = logging.getLogger(__name__)


def train_with_ray(job: TrainingJob, folder: Path, workspace: Workspace, params: "Params") -> None:
    """Train on `section.workers` processes until the final weights are in `folder`, which all must reach.

    Raises:
        InputError, TrainingError: the error of a worker.
    """
    section = job.section
    compute = params.compute.model_copy(update={"workers": section.workers})
    run = params.run.model_copy(update={"threads_per_worker": section.threads})
    events = progress_file(workspace.state, job.stage)
    _, position = read_events(events)
    with ray_cluster(compute, run) as ray:
        nodes = node_resources(ray)
        choice = gpus_on_ray(compute.gpus_per_worker, offered=most_gpus(nodes))
        _LOG.info("%s: workers train on: %s", job.stage, choice.reason)
        on_gpu = choice.device == "cuda"
        check_room(job.stage, section, nodes=nodes, gpus=choice.per_worker)
        trainer = TorchTrainer(
            _work,
            train_loop_config={"job": job, "folder": folder, "state": workspace.state, "on_gpu": on_gpu},
            torch_config=TorchConfig(backend="nccl" if on_gpu else "gloo"),
            scaling_config=ScalingConfig(
                num_workers=section.workers,
                use_gpu=on_gpu,
                resources_per_worker={"CPU": section.threads, "GPU": choice.per_worker},
            ),
            run_config=RunConfig(
                name=f"{job.stage}_{folder.name[:12]}", storage_path=str(workspace.state / "ray_train")
            ),
        )
        try:
            trainer.fit()
        except Exception as error:
            raise _cause(error) from error
    new_events, _ = read_events(events, position)
    current().notices.extend(event["text"] for event in new_events if event["kind"] == "notice")


def check_room(stage: str, section: TrainingSection, *, nodes: Sequence[Resources], gpus: float) -> None:
    """Refuse a training whose workers cannot all run at once: the running ones would wait for the others forever.

    Raises:
        InputError: names the key, how many workers Ray has room for, and what to do.
    """
    fit = workers_that_fit(nodes, cpus=section.threads, gpus=gpus)
    if section.workers > fit:
        needs = f"{section.threads} CPUs ({stage}.threads){f' and {gpus:g} GPUs' if gpus else ''}"
        raise InputError(
            f"{stage}.workers: expected at most {fit}, as many as Ray has room for at {needs} each, got "
            f"{section.workers}; lower it, or name a larger cluster by compute.address"
        )


def _work(config: dict[str, Any]) -> None:
    """Train as one of the workers; the first of them writes checkpoints and reports progress."""
    job, group = config["job"], Distributed()
    make_deterministic(job.seed, job.section.threads)
    device = f"cuda:{torch.cuda.current_device()}" if config["on_gpu"] else "cpu"
    with as_current(Progress(config["state"] if group.rank == 0 else None, job.stage)) as progress:
        store = CheckpointStore(config["folder"], progress.notice)
        training = Training(job, store=store, group=group, device=device, progress=progress)
        if group.rank == 0:
            train_to_end(job, training, store)
        else:
            training.run()


def _cause(error: BaseException) -> BaseException:
    """The error of a worker that Ray Train wrapped, if it is one of ours."""
    failures = list(getattr(error, "worker_failures", {}).values())
    waiting: list[BaseException] = [error, *failures]
    seen = 0
    while seen < len(waiting):
        inner = waiting[seen]
        if isinstance(inner, InputError | TrainingError):
            return inner
        more = [getattr(inner, "cause", None), inner.__cause__, getattr(inner, "_base_exc", None)]
        waiting += [part for part in more if isinstance(part, BaseException) and part not in waiting]
        seen += 1
    return error
