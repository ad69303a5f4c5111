"""Rules between the keys of params.yaml, which no single section can check."""

from collections.abc import Iterator
from typing import Any, TypeAlias

from tasks.params.sections import Params

Broken: TypeAlias = tuple[str, str, Any]
"""Dotted key, what it must be, what it is."""


def broken_rules(params: Params) -> Iterator[Broken]:
    """Each rule that `params` breaks."""
    reach = params.recover.max_gap_frames - 1
    if params.track.max_lost_frames > reach:
        expected = f"at most recover.max_gap_frames - 1 = {reach}, since affinities reach no farther"
        yield "track.max_lost_frames", expected, params.track.max_lost_frames
    if params.detect.source == "network" and params.detect.network_weights is None:
        yield "detect.network_weights", "a weight file when detect.source is network", "null"
    if params.estimate.source == "file" and (params.detect.source, params.detect.box_sources) != (
        "poses",
        ["detected"],
    ):
        value = f"{params.detect.source} with box_sources {params.detect.box_sources}"
        yield "detect.source", "poses with box_sources [detected] when estimate.source is file", value
    stages = params.pretrain.stages
    if not -stages <= params.estimate.output_stage < stages:
        expected = f"a stage of the pose network, -{stages} to {stages - 1} as pretrain.stages is {stages}"
        yield "estimate.output_stage", expected, params.estimate.output_stage
    for key in ("splits", "box_sources"):
        values = getattr(params.detect, key)
        if not values or len(set(values)) != len(values):
            yield f"detect.{key}", "a list of at least one value, each once", values
