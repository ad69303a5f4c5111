"""The training loop; its result depends neither on the number of workers nor on interruptions."""

import math
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import nn

from tasks.progress import Progress
from tasks.training.checkpoint import CheckpointStore, Finished
from tasks.training.job import Batch, Metrics, TrainingError, TrainingJob, global_batch
from tasks.training.optimisation import build_optimizer, learning_rate
from tasks.training.parallel import Contributions, Group, share_of, tree_sum
from tasks.training.prefetch import prefetched

_SECONDS_BETWEEN_EVENTS = 10.0


class Training:
    """The state of a training between its first and its last step."""

    def __init__(
        self, job: TrainingJob, *, store: CheckpointStore, group: Group, device: str, progress: Progress
    ) -> None:
        self.job = job
        self.section = job.section
        self._store, self._group, self._progress = store, group, progress
        self._device = torch.device(device)
        torch.manual_seed(job.seed)
        self.network: nn.Module = job.build().to(self._device)
        self.network.to(memory_format=torch.channels_last)
        self._trained = job.trained(self.network)
        self._contributions = Contributions(self._trained)
        self._optimizer = build_optimizer(self._contributions.parameters, self.section)
        self.epoch, self.step, self.steps = 0, 0, 0
        self.losses: list[float] = []
        self.history: list[dict[str, float]] = []
        self._best: dict[str, Any] = {"figure": -math.inf, "model": None}
        self._saved_at = self._reported_at = time.monotonic()

    def run(self) -> nn.Module:
        """Train to the end, from the latest checkpoint if there is one; return the network in eval mode.

        Raises:
            TrainingError: the loss is not finite, or memory ran out; the checkpoints stay.
        """
        state = self._store.load()
        if state is not None:
            self._restore(state)
        self._progress.start("epochs", self.section.epochs)
        try:
            if state is None and self.section.keep == "best":
                self._validate_start()
            while self.epoch < self.section.epochs:
                self._run_epoch()
        except (MemoryError, RuntimeError) as error:
            if _is_out_of_memory(error):
                raise TrainingError(self._out_of_memory()) from error
            raise
        if self.section.keep == "best" and self._best["model"] is not None:
            self._trained.load_state_dict(self._best["model"])
        return self.network.eval()

    def _run_epoch(self) -> None:
        self.network.eval()
        self._trained.train()
        steps = len(self.job.order(self.epoch)) // global_batch(self.section)
        batches = self._batches(steps)
        while self.step < steps:
            middle = self.epoch + (self.step + 0.5) / steps  # of the step, so that a rate drops after its epoch
            self.losses.append(self._take_step(batches, learning_rate(self.section, middle)))
            self.step += 1
            self._report(steps)
            if self._is_due() and self.step < steps:
                self._save()
        self._end_epoch()

    def _take_step(self, batches: Iterator[Batch], rate: float) -> float:
        self._contributions.begin()
        share = share_of(self._group, self.section.micro_batches)
        total = self._group.sum(tree_sum(self._contributions.of(self._loss(next(batches))) for _ in share))
        parts = self.section.micro_batches
        mean = [value / parts for value in total] if parts > 1 else total
        self.steps += 1
        loss = self._contributions.apply(mean, steps=self.steps, clip=self.section.gradient_clip)
        if not math.isfinite(loss):
            raise TrainingError(self._not_finite(loss, rate))
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.step()
        return loss

    def _loss(self, batch: Batch) -> torch.Tensor:
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self.section.precision == "bfloat16"):
            return self.job.loss(self.network, {name: part.to(self._device) for name, part in batch.items()})

    def _batches(self, steps: int) -> Iterator[Batch]:
        """This worker's micro-batches from the current step to the end of the epoch."""
        order, size = self.job.order(self.epoch), self.section.micro_batch_size
        numbers = (
            step * self.section.micro_batches + part
            for step in range(self.step, steps)
            for part in share_of(self._group, self.section.micro_batches)
        )
        positions = (torch.arange(number * size, (number + 1) * size).numpy() for number in numbers)
        calls = (partial(self.job.batch, order[chosen], chosen, self.epoch) for chosen in positions)
        return prefetched(calls, threads=self.section.prefetch_threads)

    def _report(self, steps: int) -> None:
        """Report the finished part of the epoch and its mean loss, at most once in a few seconds."""
        now = time.monotonic()
        if self._group.rank == 0 and self.step < steps and now - self._reported_at > _SECONDS_BETWEEN_EVENTS:
            self._reported_at = now
            loss = math.fsum(self.losses) / len(self.losses)
            self._progress.advance(round(self.epoch + self.step / steps, 3), loss=loss)

    def _end_epoch(self) -> None:
        self.epoch, self.step = self.epoch + 1, 0
        if self._group.rank == 0:
            metrics = self._validate()
            loss = math.fsum(self.losses) / len(self.losses)
            rate = learning_rate(self.section, self.epoch)
            self.history.append({"epoch": float(self.epoch), "loss": loss, "rate": rate, **metrics})
            self._progress.advance(self.epoch, loss=loss, rate=rate, **metrics)
        self.losses = []
        self._save()

    def _validate_start(self) -> None:
        """Count the weights before the first step as epoch 0, so that a training never ends worse than it began."""
        if self._group.rank == 0 and (metrics := self._validate()):
            self.history.append({"epoch": 0.0, **metrics})

    def _validate(self) -> Metrics:
        """Measure the current weights on held-out samples; keep a copy of them if they are the best so far."""
        with torch.inference_mode():
            measured = self.job.validate(self.network.eval())
        metrics = {name: value for name, value in measured.items() if math.isfinite(value)}
        if metrics.get(self.job.metric, -math.inf) > self._best["figure"]:
            self._best = {"figure": metrics[self.job.metric], "model": _copied(self._trained.state_dict())}
        return metrics

    def _is_due(self) -> bool:
        return time.monotonic() - self._saved_at > self.section.checkpoint_seconds

    def _save(self) -> None:
        if self._group.rank == 0:
            self._store.save(self._state(), epoch=self.epoch, step=self.step)
        self._saved_at = time.monotonic()

    def _state(self) -> dict[str, Any]:
        return {
            "model": self._trained.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "random": torch.get_rng_state(),
            "epoch": self.epoch,
            "step": self.step,
            "steps": self.steps,
            "losses": self.losses,
            "history": self.history,
            "best": self._best if self.section.keep == "best" else {**self._best, "model": None},
        }

    def _restore(self, state: dict[str, Any]) -> None:
        self._trained.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"])
        self.epoch, self.step, self.steps = state["epoch"], state["step"], state["steps"]
        self.losses, self.history, self._best = state["losses"], state["history"], state["best"]

    def _position(self) -> str:
        kept = self._store.checkpoints()
        saved = f"the last good checkpoint is {kept[0]}" if kept else "no checkpoint had been written yet"
        return f"{self.job.stage}: epoch {self.epoch + 1}, step {self.step + 1}; {saved}"

    def _not_finite(self, loss: float, rate: float) -> str:
        advice = f"lower {self.job.stage}.learning_rate, or raise warmup_epochs or set gradient_clip"
        problem = f"expected a finite loss and gradient, got a loss of {loss} at rate {rate:.3g}"
        return f"{problem} ({self._position()}); {advice}"

    def _out_of_memory(self) -> str:
        size = self.section.micro_batch_size
        advice = f"lower {self.job.stage}.micro_batch_size (now {size}) and raise micro_batches by as much"
        return f"memory ran out on {self._device} ({self._position()}); {advice}"


def train_to_end(job: TrainingJob, training: Training, store: CheckpointStore) -> Finished:
    """Run a training and keep its final weights and results beside the checkpoints; raises TrainingError."""
    network = training.run().cpu()
    with torch.inference_mode():
        results = job.finalise(network)
    job.save(network, store.weights)
    return store.finish(training.history, results)


def _is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out, on any device."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and ("can't allocate memory" in text or "not enough memory" in text)


def _copied(state: dict[str, Any]) -> dict[str, Any]:
    return {name: tensor.clone() for name, tensor in state.items()}
