"""The base of every section of params.yaml."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A part of params.yaml: frozen, every key required, unknown keys refused, no silent conversion."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
