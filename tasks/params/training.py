"""What every training stage shares."""

from typing import Annotated, Literal

from pydantic import Field

from tasks.params.section import AtLeastOne, Count, NotNegative, Positive, Section, Share


class TrainingSection(Section):
    """What every training has: length, batch, optimizer, schedule, validation, checkpoints."""

    start_weights: str | None
    """Weight file of the same kind and architecture that the training starts from; null starts from random weights."""
    epochs: Count
    """Zero leaves the network as it was initialised."""
    passes_per_epoch: AtLeastOne
    """Times that every sample is taken in one epoch; validation comes after each epoch."""
    micro_batches: AtLeastOne
    """Micro-batches of one step; the global batch is this times micro_batch_size, however many workers share it."""
    micro_batch_size: AtLeastOne
    """Samples whose batch-norm statistics are taken together."""
    workers: AtLeastOne
    """Processes that share the micro-batches, by Ray Train when more than one; must divide micro_batches."""
    threads: AtLeastOne
    """CPU threads of one such process."""
    prefetch_threads: AtLeastOne
    """Threads of one such process that prepare the next batches; their number changes no result."""
    learning_rate: Positive
    schedule: Literal["steps", "cosine"]
    drop_epochs: list[AtLeastOne]
    """Epochs after which the rate is multiplied by drop_factor (steps)."""
    drop_factor: Share
    """The same for `steps`; for `cosine` the share of the rate that is left at the end."""
    warmup_epochs: NotNegative
    """Linear rise of the rate from zero."""
    adam_beta2: Annotated[float, Field(gt=0, lt=1)]
    """Decay of AdamW's mean of squared gradients; 0.999 is usual, less forgets the first steps sooner."""
    weight_decay: NotNegative
    gradient_clip: NotNegative
    """Largest norm of the gradient; 0 does not clip."""
    precision: Literal["float32", "bfloat16"]
    """Of the forward pass, by autocast."""
    validation_samples: AtLeastOne
    """Held-out samples that are looked at after each epoch, drawn once by the seed."""
    keep: Literal["last", "best"]
    """Which weights the stage ends with: the last, or those with the best validation figure, at the start or later."""
    checkpoint_seconds: Positive
    """Time between checkpoints inside an epoch; one is kept after each epoch anyway."""
