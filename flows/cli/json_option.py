"""The option --json of the commands that report something."""

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON, and nothing else on standard output.")]
AsJsonDryRun = Annotated[bool, typer.Option("--json", help="Print the answer of --dry-run as JSON.")]
