"""The learning rate as a function of the time trained; nothing to save, nothing to drift."""

import math

from tasks.params.training import TrainingSection


def learning_rate(section: TrainingSection, epoch: float) -> float:
    """Rate at a time in epochs (0 <= epoch <= section.epochs), fractions included.

    `steps` multiplies by drop_factor after each of drop_epochs (6.1); `cosine` falls smoothly to drop_factor of the
    rate at the end. Before warmup_epochs the rate rises linearly.
    """
    rise = min(1.0, epoch / section.warmup_epochs) if section.warmup_epochs else 1.0
    return section.learning_rate * rise * _decay(section, epoch)


def _decay(section: TrainingSection, epoch: float) -> float:
    if section.schedule == "steps":
        return float(section.drop_factor ** sum(epoch >= drop for drop in section.drop_epochs))
    waved = (1 + math.cos(math.pi * min(1.0, epoch / max(1, section.epochs)))) / 2
    return section.drop_factor + (1 - section.drop_factor) * waved
