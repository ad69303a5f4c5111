"""Shards on Ray actors: one at a time for each actor; a shard whose actor dies or hangs is tried once more.

Actors are asked for as soon as there is work, and get shards once they have started. So one that finds no room yet is
waited for by nobody, shows an autoscaling cluster what is wanted, and starts to work when a node joins.
"""

import logging
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from tasks.errors import MachineError
from tasks.gpus import gpus_on_ray
from tasks.shards.node_inputs import NodeInputs
from tasks.shards.ray_cluster import most_gpus, node_resources, ray_cluster, workers_that_fit
from tasks.shards.store import ShardStore
from tasks.shards.time_limits import TimeLimits
from tasks.shards.work import Outcome, Shard, ShardWork

if TYPE_CHECKING:
    from tasks.inference.network_work import NetworkWork
    from tasks.params.sections import Params

_LOG: Final = logging.getLogger(__name__)
_ATTEMPTS: Final = 2
_LOST_NODES: Final = 5
"""So many nodes may be lost under one shard before that counts as its fault."""
_FAILED_STARTS: Final = 3
"""So many actors in a row may fail to start."""
_LOOK_SECONDS: Final = 1.0
"""Between two looks at how long the shards have taken."""
_ADVICE: Final = "run the same command again: finished work is kept"


def run_on_ray(
    work: ShardWork, keyed: Sequence[tuple[Shard, str]], *, store: Path, state: Path, params: "Params"
) -> Iterator[Outcome]:
    """Outcome of each shard with its key, in the order they end; connects to Ray and lets go of it at the end.

    Raises:
        InputError: the nodes do not share the driver's disk, and the corpus is not named by URL.
    """
    inputs = None if params.compute.shared_disk else NodeInputs(cast("NetworkWork", work), state)
    if inputs:
        inputs.require_objects([shard for shard, _ in keyed])
    with ray_cluster(params.compute, params.run) as ray:
        pool = _ActorPool(ray, work, store, inputs, params)
        try:
            yield from pool.run(keyed)
        finally:
            pool.close()


@dataclass(frozen=True)
class _Task:
    """A shard that waits, and what became of it before."""

    shard: Shard
    key: str
    attempt: int = 1
    lost_nodes: int = 0


@dataclass(frozen=True)
class _Actor:
    handle: Any
    node: str


@dataclass(frozen=True)
class _Call:
    """A shard that an actor works on."""

    actor: _Actor
    task: _Task
    began: float

    @property
    def frames(self) -> int:
        return self.task.shard.last_frame - self.task.shard.first_frame


class _ActorPool:
    def __init__(self, ray: Any, work: ShardWork, store: Path, inputs: NodeInputs | None, params: "Params") -> None:
        from tasks.shards.ray_node_worker import NodeShardWorker  # imports Ray
        from tasks.shards.ray_worker import RayShardWorker

        nodes, compute = node_resources(ray), params.compute
        choice = gpus_on_ray(compute.gpus_per_worker, offered=most_gpus(nodes))
        _LOG.info("%s: workers run on: %s", work.stage, choice.reason)
        threads = max(1, min(params.run.threads_per_worker, int(max(node.get("CPU", 1.0) for node in nodes))))
        room = workers_that_fit(nodes, cpus=threads, gpus=choice.per_worker)
        if room < compute.workers:
            needs = f"{threads} CPUs and {choice.per_worker:g} GPUs"
            _LOG.warning(
                "Ray has room for %d workers of %s each; the other %d start when nodes join",
                *(room, needs, compute.workers - room),
            )
        self._ray, self._wanted = ray, compute.workers
        self._inputs, self._store = inputs, ShardStore(store, work.outputs)
        worker = RayShardWorker if inputs is None else NodeShardWorker
        self._class = ray.remote(num_cpus=threads, num_gpus=choice.per_worker)(worker)
        where = (work, store) if inputs is None else (inputs.work,)
        self._arguments = (*where, params.run, choice, compute)
        self._limits = TimeLimits(compute.hang_seconds, compute.hang_factor)
        self._starting: dict[Any, Any] = {}
        self._free: list[_Actor] = []
        self._calls: dict[Any, _Call] = {}
        self._failed_starts = 0

    def run(self, keyed: Sequence[tuple[Shard, str]]) -> Iterator[Outcome]:
        waiting = deque(_Task(shard, key) for shard, key in keyed)
        while waiting or self._calls:
            self._ask_for_actors(len(waiting))
            while waiting and self._free:
                self._call(self._free.pop(), waiting.popleft())
            for task, outcome in self._ended():
                again = self._again(task, outcome)
                if again:
                    waiting.appendleft(again)
                else:
                    yield outcome

    def close(self) -> None:
        """End all actors."""
        at_work = [call.actor for call in self._calls.values()]
        for handle in [*self._starting.values(), *(actor.handle for actor in [*self._free, *at_work])]:
            self._ray.kill(handle)
        self._starting, self._free, self._calls = {}, [], {}

    def _ask_for_actors(self, waiting: int) -> None:
        wanted = min(self._wanted, len(self._calls) + waiting)
        for _ in range(wanted - len(self._calls) - len(self._free) - len(self._starting)):
            handle = self._class.remote(*self._arguments)
            self._starting[handle.node.remote()] = handle

    def _call(self, actor: _Actor, task: _Task) -> None:
        if self._inputs is None:
            answer = actor.handle.run.remote(task.shard, task.key)
        else:
            answer = actor.handle.run_on_node.remote(*self._inputs.of(task.shard), task.key)
        self._calls[answer] = _Call(actor, task, time.monotonic())

    def _ended(self) -> Iterator[tuple[_Task, Outcome]]:
        """Wait a moment; then each shard that ended, died or has taken too long."""
        for answer in self._wait():
            if answer in self._starting:
                self._start(answer, self._starting.pop(answer))
            else:
                call = self._calls.pop(answer)
                yield call.task, self._outcome(answer, call)
        for answer, call in list(self._calls.items()):
            limit, seconds = self._limits.seconds(call.frames), time.monotonic() - call.began
            if limit is not None and seconds > limit:
                del self._calls[answer]
                self._ray.kill(call.actor.handle)
                yield call.task, _hung(call.task.shard, limit)

    def _wait(self) -> list[Any]:
        answers = [*self._starting, *self._calls]
        try:
            ended: list[Any] = self._ray.wait(answers, num_returns=len(answers), timeout=0)[0]
            return ended or self._ray.wait(answers, num_returns=1, timeout=_LOOK_SECONDS)[0]
        except SystemError as error:  # Ray's form of an interrupt while it waits
            if isinstance(error.__cause__, KeyboardInterrupt):
                raise KeyboardInterrupt from error
            raise

    def _start(self, answer: Any, handle: Any) -> None:
        try:
            node: str = self._ray.get(answer)
        except self._ray.exceptions.RayError as error:
            self._failed_starts += 1
            if self._failed_starts == _FAILED_STARTS:
                cause = str(error).strip().splitlines()[-1]
                raise MachineError(f"Ray: {_FAILED_STARTS} workers failed to start, {cause}; {_ADVICE}") from error
            return
        self._failed_starts = 0
        self._free.append(_Actor(handle, node))

    def _outcome(self, answer: Any, call: _Call) -> Outcome:
        """How a call ended; its actor is free again unless it died, or met a fault that may stay with it."""
        shard = call.task.shard
        try:
            outcome: Outcome = self._ray.get(answer)
        except self._ray.exceptions.RayTaskError:
            raise
        except self._ray.exceptions.RayError as error:
            return self._died(call, error)
        if outcome.files is not None:
            self._store.add_files(call.task.key, outcome.files)
            outcome = Outcome(shard)
        if outcome.machine_fault:
            self._ray.kill(call.actor.handle)
        else:
            self._free.append(call.actor)
            self._limits.ended(shard.last_frame - shard.first_frame, time.monotonic() - call.began)
        return outcome

    def _died(self, call: _Call, error: Exception) -> Outcome:
        shard = call.task.shard
        node_lost = call.actor.node not in {node["NodeID"] for node in self._ray.nodes() if node["Alive"]}
        _LOG.warning("a worker died on video %s%s", shard.video_id, ", as its node was lost" if node_lost else "")
        reason = (
            f"the workers on video {shard.video_id} died {_ATTEMPTS} times, perhaps for lack of memory; free memory or "
            f"lower compute.workers, or remove that video, and {_ADVICE}"
        )
        return Outcome(shard, reason, str(error), machine_fault=True, died=True, node_lost=node_lost)

    def _again(self, task: _Task, outcome: Outcome) -> _Task | None:
        """The task to try once more; None where the outcome stays."""
        if outcome.node_lost and task.lost_nodes < _LOST_NODES:
            return replace(task, lost_nodes=task.lost_nodes + 1)
        return replace(task, attempt=task.attempt + 1) if outcome.died and task.attempt < _ATTEMPTS else None


def _hung(shard: Shard, limit: float) -> Outcome:
    _LOG.warning("a worker on video %s is killed: it took longer than %.0f s", shard.video_id, limit)
    reason = (
        f"the workers on video {shard.video_id} took longer than {limit:.0f} s {_ATTEMPTS} times and were killed; "
        f"raise compute.hang_seconds or compute.hang_factor, or remove that video, and {_ADVICE}"
    )
    return Outcome(shard, reason, machine_fault=True, died=True)
