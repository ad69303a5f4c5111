"""Shards on Ray actors: one at a time for each actor; a shard whose actor dies is tried once more on another."""

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tasks.gpus import gpus_on_ray
from tasks.shards.ray_cluster import most_gpus, node_resources, ray_cluster, workers_that_fit
from tasks.shards.work import Outcome, Shard, ShardWork
from tasks.shards.worker import ShardWorker

if TYPE_CHECKING:
    from tasks.params.sections import Params

_LOG: Final = logging.getLogger(__name__)
_ATTEMPTS: Final = 2


def run_on_ray(
    work: ShardWork, keyed: Sequence[tuple[Shard, str]], *, store: Path, params: "Params"
) -> Iterator[Outcome]:
    """Outcome of each shard with its key, in the order they end; connects to Ray and lets go of it at the end."""
    with ray_cluster(params.compute, params.run) as ray:
        pool = _ActorPool(ray, work, store, params)
        try:
            yield from pool.run(keyed)
        finally:
            pool.close()


class _ActorPool:
    def __init__(self, ray: Any, work: ShardWork, store: Path, params: "Params") -> None:
        nodes = node_resources(ray)
        choice = gpus_on_ray(params.compute.gpus_per_worker, offered=most_gpus(nodes))
        _LOG.info("%s: workers run on: %s", work.stage, choice.reason)
        wanted, gpus = params.compute.workers, choice.per_worker
        threads = max(1, min(params.run.threads_per_worker, int(max(node.get("CPU", 1.0) for node in nodes))))
        self._size = max(1, min(wanted, workers_that_fit(nodes, cpus=threads, gpus=gpus)))
        if self._size < wanted:  # one without room would wait for ever, and its shard with it
            room = f"{threads} CPUs and {gpus:g} GPUs"
            _LOG.warning("Ray has room for %d workers of %s each, not for %d", self._size, room, wanted)
        self._ray = ray
        self._class = ray.remote(num_cpus=threads, num_gpus=gpus)(ShardWorker)
        self._arguments = (work, store, params.run, choice)
        self._actors: list[Any] = []

    def run(self, keyed: Sequence[tuple[Shard, str]]) -> Iterator[Outcome]:
        waiting = deque((shard, key, 1) for shard, key in keyed)
        free = [self._actor() for _ in range(min(self._size, len(waiting)))]
        running: dict[Any, tuple[Any, Shard, str, int]] = {}
        while waiting or running:
            while waiting and free:
                shard, key, attempt = waiting.popleft()
                actor = free.pop()
                running[actor.run.remote(shard, key)] = (actor, shard, key, attempt)
            [ended] = self._wait_for_one(list(running))
            actor, shard, key, attempt = running.pop(ended)
            outcome = self._outcome(ended, shard)
            if outcome.died:
                self._actors.remove(actor)
                actor = self._actor()
            free.append(actor)
            if outcome.died and attempt < _ATTEMPTS:
                waiting.appendleft((shard, key, attempt + 1))
            else:
                yield outcome

    def _wait_for_one(self, running: list[Any]) -> list[Any]:
        try:
            ended: list[Any] = self._ray.wait(running, num_returns=1)[0]
        except SystemError as error:  # Ray's form of an interrupt while it waits
            if isinstance(error.__cause__, KeyboardInterrupt):
                raise KeyboardInterrupt from error
            raise
        return ended

    def close(self) -> None:
        """End the actors that are left."""
        for actor in self._actors:
            self._ray.kill(actor)
        self._actors.clear()

    def _actor(self) -> Any:
        actor = self._class.remote(*self._arguments)
        self._actors.append(actor)
        return actor

    def _outcome(self, ended: Any, shard: Shard) -> Outcome:
        errors = self._ray.exceptions
        try:
            outcome: Outcome = self._ray.get(ended)
        except errors.RayTaskError:
            raise
        except errors.RayError as error:
            _LOG.warning("a worker died on video %s", shard.video_id)
            reason = (
                f"the workers on video {shard.video_id} died {_ATTEMPTS} times, perhaps for lack of memory; free "
                "memory or lower compute.workers, or remove that video, and run the same command again: finished work "
                "is kept"
            )
            return Outcome(shard, reason, str(error), machine_fault=True, died=True)
        return outcome
