"""What the benchmarks share: the option --out, changed params, and how measurements are shown and written."""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tasks.params.sections import Params


def options(description: str | None) -> argparse.ArgumentParser:
    """The options of a benchmark, which begin with --out."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="also write the measurements to this JSON file")
    return parser


def with_values(params: Params, sections: Mapping[str, Mapping[str, Any]]) -> Params:
    """The params with other values of some keys, by section."""
    return params.model_copy(
        update={name: getattr(params, name).model_copy(update=dict(values)) for name, values in sections.items()}
    )


def show(measured: dict[str, Any], out: Path | None) -> None:
    """Print the measurements, and write them if there is a file to write."""
    text = json.dumps(measured, indent=2)
    print(text)  # noqa: T201
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text + "\n")
