"""The base of every section of params.yaml, and the kinds of numbers in it."""

import json
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from tasks.params.sections import Params

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
AtLeastOne = Annotated[int, Field(ge=1)]
NotNegative = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Degrees = Annotated[float, Field(ge=0, le=180)]
NetworkSide = Annotated[int, Field(gt=0, multiple_of=32)]
"""Pixels of a side that the networks can halve five times."""
Range = Annotated[list[Positive], Field(min_length=2, max_length=2)]


class Section(BaseModel):
    """A part of params.yaml: frozen, every key required, unknown keys refused, no silent conversion."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def section_json(params: "Params", stage: str, *also: str) -> str:
    """The sections `stage`, `run` and those named in `also` as canonical JSON: equal text means equal numbers.

    `compute` never belongs in it: a worker count must not make a result stale.
    """
    chosen = sorted({stage, "run", *also})
    tree = {name: getattr(params, name).model_dump(mode="json") for name in chosen}
    return json.dumps(tree, sort_keys=True, separators=(",", ":"), allow_nan=False)
