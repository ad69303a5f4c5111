"""The command `corrtrack`, also as `python -m corrtrack`: a process that can import the pipeline's packages."""

import sys

from corrtrack.pipeline_folder import PIPELINE_FOLDER


def main() -> None:
    """Entry point of the console script."""
    sys.path.insert(0, str(PIPELINE_FOLDER))
    from flows.cli import main as command_line

    command_line()


if __name__ == "__main__":
    main()
