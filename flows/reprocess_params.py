"""What a run of `corrtrack reprocess` tracks by: its params, its weights, and their digests."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from flows.cli.params_choice import read_chosen_params
from flows.reprocess_request import PRETRAINED, ReprocessRequest
from flows.runtime.external_corpus import require_corpus
from flows.runtime.remote_corpus import require_readable
from flows.runtime.repository import Repository
from flows.runtime.run_weights import find_weights
from flows.scheduling.video_states import Keys
from tasks.content_key import code_key, content_key, packages_key
from tasks.errors import InputError
from tasks.formats.pose_files.registry import AUTO, FORMATS
from tasks.formats.track_formats import TRACK_FORMATS, require_formats
from tasks.inference.box_sources import detector_weights, uses_detector
from tasks.params.sections import Params
from tasks.remote.fetched_corpus import require_reachable
from tasks.run_digests import params_digest
from tasks.stages import STAGES

STAGES_OUTSIDE: Final = tuple(name for name, stage in STAGES.items() if stage.fits_external_corpus)
"""Stages that need no training, in order."""


def checked(repository: Repository, request: ReprocessRequest) -> tuple[Params, dict[str, Path]]:
    """Params and weight files of the run.

    Raises:
        InputError: they, or the corpus, cannot be used.
    """
    params = params_for(request, base_params(repository, request))
    weights = find_weights(repository, request.weights, needs_pose=params.estimate.source == "network")
    require_corpus(None if request.url else request.corpus, request.detections, request.poses)
    if request.url:
        require_readable(request.url)
    else:
        require_reachable(request.corpus, params.compute)
    return params, weights


def fetch_detector(params: Params) -> None:
    """Have the weights of torchvision's network here, where boxes are found by it.

    Raises:
        InputError: they are not there and cannot be fetched.
    """
    if params.detect.source == "torchvision" and uses_detector(params):
        detector_weights(params.detect)


def keys_of(params: Params, weights: Mapping[str, Path]) -> Keys:
    """Digests of what the run tracks by."""
    named = params.detect.network_weights if uses_detector(params) else None
    detector = {"detector": Path(named)} if named and Path(named).is_file() else {}
    return Keys(
        code=content_key([code_key(*(f"tasks.{stage}" for stage in STAGES_OUTSIDE)), packages_key()]),
        params=params_digest(params.model_dump(mode="json")),
        weights=content_key({**weights, **detector}),
    )


def base_params(repository: Repository, request: ReprocessRequest) -> Params:
    """The params before what the user names by options of their own: params.yaml or a profile, with the settings.

    Raises:
        InputError: no such profile or key, or a value that does not fit.
    """
    return read_chosen_params(repository, profile=request.profile, settings=request.settings)


def params_for(request: ReprocessRequest, params: Params) -> Params:
    """The params of the run: those of params.yaml, with what the user names on the command line.

    Raises:
        InputError: poses and person boxes are both named, or a format of poses without poses, or a format is unknown
            or needs packages that are not installed.
    """
    sections: dict[str, dict[str, Any]] = {}
    if request.people is not None:
        sections["report"] = {"people": request.people}
    if request.formats:
        sections["export"] = _of_formats(request.formats, params)
    if request.poses is not None:
        sections |= _of_files(request, params)
    elif request.pretrained is not None:
        sections |= _of_network(request)
    elif request.pose_format is not None:
        raise InputError(f"--pose-format {request.pose_format}: expected --poses too, which it is the format of")
    return params.model_copy(
        update={name: getattr(params, name).model_copy(update=values) for name, values in sections.items()}
    )


def _of_formats(names: tuple[str, ...], params: Params) -> dict[str, Any]:
    """Values of the section `export` that have these formats written too."""
    if unknown := [name for name in names if name not in TRACK_FORMATS]:
        raise InputError(f"--format must be one of {', '.join(TRACK_FORMATS)}, got {unknown[0]}")
    require_formats(names)
    lists = {key: getattr(params.export, key) for key in ("formats", "formats_without_annotations")}
    return {key: list(dict.fromkeys([*chosen, *names])) for key, chosen in lists.items()}


def _of_files(request: ReprocessRequest, params: Params) -> dict[str, dict[str, Any]]:
    """Values, by section, that let poses of files be tracked."""
    if request.pretrained is not None:
        raise InputError("expected --poses or --pretrained, got both")
    if request.detections:
        raise InputError(
            "expected --poses or --detections, got both; the boxes of poses are those around their keypoints"
        )
    if request.pose_format not in {None, AUTO, *FORMATS}:
        raise InputError(f"--pose-format must be {AUTO} or one of {', '.join(FORMATS)}, got {request.pose_format}")
    return {
        "index": {"pose_format": request.pose_format or params.index.pose_format},
        "detect": {"source": "poses", "box_sources": ["detected"]},
        "estimate": {"source": "file"},
    }


def _of_network(request: ReprocessRequest) -> dict[str, dict[str, Any]]:
    """Values, by section, that let the poses of a public network be tracked."""
    if request.pretrained not in PRETRAINED:
        raise InputError(f"--pretrained must be one of {', '.join(PRETRAINED)}, got {request.pretrained}")
    if request.detections or request.pose_format is not None:
        other = "--detections" if request.detections else "--pose-format"
        raise InputError(f"expected --pretrained or {other}, got both; its network finds boxes and poses by itself")
    return {
        "detect": {"source": request.pretrained, "box_sources": ["detected"]},
        "estimate": {"source": request.pretrained},
    }
