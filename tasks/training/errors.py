"""What can go wrong while training, told in one sentence."""

import torch


class TrainingError(RuntimeError):
    """A training that cannot go on; the message tells where, why, and what to change. Checkpoints are kept."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out, on whatever device."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and ("can't allocate memory" in text or "not enough memory" in text)
