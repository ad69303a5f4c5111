"""Rules between the keys of params.yaml, which no single section can check."""

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from tasks.params.sections import Params

Broken: TypeAlias = tuple[str, str, Any]
"""Dotted key, what it must be, what it is."""
_BOXES_OF_POSES: Final = {"file": "poses", "torchvision": "torchvision"}
"""The detect.source that gives the boxes of poses which no pose network estimates, by estimate.source."""


def broken_rules(params: Params) -> Iterator[Broken]:
    """Each rule that `params` breaks."""
    reach = params.recover.max_gap_frames - 1
    if params.track.max_lost_frames > reach:
        expected = f"at most recover.max_gap_frames - 1 = {reach}, since affinities reach no farther"
        yield "track.max_lost_frames", expected, params.track.max_lost_frames
    if params.detect.source == "network" and params.detect.network_weights is None:
        yield "detect.network_weights", "a weight file when detect.source is network", "null"
    if params.ablate.flow == "raft" and params.ablate.flow_weights is None:
        yield "ablate.flow_weights", "a weight file when ablate.flow is raft", "null"
    needed = _BOXES_OF_POSES.get(params.estimate.source)
    if needed and (params.detect.source, params.detect.box_sources) != (needed, ["detected"]):
        value = f"{params.detect.source} with box_sources {params.detect.box_sources}"
        expected = f"{needed} with box_sources [detected] when estimate.source is {params.estimate.source}"
        yield "detect.source", expected, value
    stages = params.pretrain.stages
    if not -stages <= params.estimate.output_stage < stages:
        expected = f"a stage of the pose network, -{stages} to {stages - 1} as pretrain.stages is {stages}"
        yield "estimate.output_stage", expected, params.estimate.output_stage
    for key in ("splits", "box_sources"):
        values = getattr(params.detect, key)
        if not values or len(set(values)) != len(values):
            yield f"detect.{key}", "a list of at least one value, each once", values
