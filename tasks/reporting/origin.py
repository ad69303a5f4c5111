"""What a page comes from: when, at which revision, on which machine, by which params, data, weights and packages."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tasks.reporting.labels import counted, time_text
from tasks.run_digests import run_digests
from tasks.workspace import Workspace

if TYPE_CHECKING:
    from tasks.params.sections import Params


def origin_of_run(workspace: Workspace, params: "Params", runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """For the template provenance.html: one sentence, and digests by name.

    Args:
        workspace: folders of the run.
        params: its params.
        runs: provenance of its stages.
    """
    digests = run_digests(workspace, params)
    weights = {f"{name} weights": digest for name, digest in digests["weights_sha256"].items()}
    facts = {"params": digests["params_sha256"], "seed": digests["seed"], "data": digests["data_sha256"], **weights}
    return {"title": "", "sentence": run_sentence(runs), "facts": facts | _packages(runs[-1] if runs else {})}


def origin_of_record(title: str, record: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """The same for a finished run called `title`, from the provenance of a stage of it."""
    return {"title": title, "sentence": run_sentence([record]), "facts": dict(facts) | _packages(record)}


def run_sentence(runs: Sequence[Mapping[str, Any]]) -> str:
    """When the last stage of the run was started, with which revision of the code, and on what."""
    facts = last_stage(runs)
    if "Date" not in facts:
        return f"Git revision {facts['Revision']}." if "Revision" in facts else ""
    machine = f", on {facts['Hardware']}" if "Hardware" in facts else ""
    return f"Run of {facts['Date']}, git revision {facts['Revision']}{machine}."


def last_stage(runs: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Date, Revision and Hardware of the stage of a run that was started last; what is not recorded is left out."""
    dated = [run for run in runs if run.get("started")]
    if not dated:
        return next(({"Revision": _revision(run)} for run in runs if run.get("revision")), {})
    last = max(dated, key=lambda run: str(run["started"]))
    date = time_text(str(last["started"]))
    hardware = last.get("hardware") or {}
    return {"Date": date, "Revision": _revision(last)} | ({"Hardware": _machine(hardware)} if hardware else {})


def _revision(run: Mapping[str, Any]) -> str:
    commit, _, changes = str(run.get("revision", "unknown")).partition("+")
    return f"{commit[:12]}{' with uncommitted changes' if changes else ''}"


def _machine(hardware: Mapping[str, Any]) -> str:
    return f"{hardware['processor']}, {counted(hardware['cores'], 'core')}, {hardware['memory_gib']} GiB"


def _packages(record: Mapping[str, Any]) -> dict[str, Any]:
    versions = record.get("versions") or {}
    python = (record.get("hardware") or {}).get("python")
    return ({"Python": python} if python else {}) | dict(versions)
