"""Where a run's files lie."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Workspace:
    """The folders of one run: those of the repository, or those of a corpus outside it."""

    data: Path
    """Input corpus; every path in a table is relative to it."""
    artifacts: Path
    """Stage outputs: tables, models, posetrack, provenance."""
    reports: Path
    """What people read."""
    state: Path
    """Working state that may be deleted at a cost of time only: shard store, training checkpoints, progress."""
    overlays: Path | None = None
    """Videos with what was tracked drawn on them; None: none are written."""

    @classmethod
    def of_repository(cls, root: Path) -> "Workspace":
        """The workspace of the repository at `root`."""
        return cls(root / "data", root / "artifacts", root / "reports", root / ".corrtrack")

    @property
    def tables(self) -> Path:
        """Parquet tables."""
        return self.artifacts / "tables"

    @property
    def models(self) -> Path:
        """Final weights, one safetensors file each."""
        return self.artifacts / "models"

    @property
    def exports(self) -> Path:
        """Tracks in the field's formats: <format>/{tracking,merged}/<video_id>."""
        return self.artifacts / "exports"

    @property
    def provenance(self) -> Path:
        """One JSON per stage: revision, times, hardware, notices; no stage depends on it."""
        return self.artifacts / "provenance"

    def weights(self, name: str) -> Path:
        """Weight file of the network `name`, such as "pose"."""
        return self.models / f"{name}.safetensors"

    def shortened(self, text: str) -> str:
        """`text` with file names relative to the run's folders, the same on every machine."""
        for folder in (self.data, self.artifacts):
            text = text.replace(f"{folder}/", f"{folder.name}/")
        return text
