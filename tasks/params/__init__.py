"""The numbers of a run: params.yaml as typed, checked, frozen sections."""

from tasks.params.loading import ParamsError, load_params, parse_params
from tasks.params.sections import Params, section_json

__all__ = ["Params", "ParamsError", "load_params", "parse_params", "section_json"]
