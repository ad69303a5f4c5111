"""The optimizer, and the learning rate as a function of the time trained, so that no scheduler has a state."""

import math

import torch
from torch import nn

from tasks.params.training import TrainingSection


def build_optimizer(parameters: list[nn.Parameter], section: TrainingSection) -> torch.optim.Optimizer:
    """AdamW; weights decay, biases and normalisations do not (a free choice, the paper names none)."""
    groups = [
        {"params": [parameter for parameter in parameters if parameter.ndim > 1], "weight_decay": section.weight_decay},
        {"params": [parameter for parameter in parameters if parameter.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=0.0, betas=(0.9, section.adam_beta2), fused=True)


def learning_rate(section: TrainingSection, epoch: float) -> float:
    """Rate at a time in epochs (0 <= epoch <= section.epochs), fractions included.

    `steps` multiplies it by drop_factor after each of drop_epochs (6.1); `cosine` lowers it smoothly to drop_factor of
    its start. During warmup_epochs it rises linearly from zero.
    """
    rise = min(1.0, epoch / section.warmup_epochs) if section.warmup_epochs else 1.0
    return section.learning_rate * rise * _decay(section, epoch)


def _decay(section: TrainingSection, epoch: float) -> float:
    if section.schedule == "steps":
        return float(section.drop_factor ** sum(epoch >= drop for drop in section.drop_epochs))
    cosine = (1 + math.cos(math.pi * min(1.0, epoch / max(1, section.epochs)))) / 2
    return section.drop_factor + (1 - section.drop_factor) * cosine
