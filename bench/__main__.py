"""`make bench`: runs every bench_*.py of this folder, one after the other, into reports/bench.json."""

import json
import logging
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent
RESULT = FOLDER.parent / "reports" / "bench.json"
_LOG = logging.getLogger("bench")


def main() -> int:
    """Write what all benchmarks measured, by name; 1 when one of them failed."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    results, failed = {}, []
    with tempfile.TemporaryDirectory() as scratch:
        for script in sorted(FOLDER.glob("bench_*.py")):
            _LOG.info("%s", script.stem)
            out = Path(scratch) / f"{script.stem}.json"
            ran = subprocess.run([sys.executable, "-m", f"bench.{script.stem}", "--out", str(out)], cwd=FOLDER.parent)
            if ran.returncode == 0 and out.is_file():
                results[script.stem.removeprefix("bench_")] = json.loads(out.read_text())
            else:
                failed.append(script.name)
    RESULT.parent.mkdir(exist_ok=True)
    partial = RESULT.with_name(".bench.json.partial")
    partial.write_text(json.dumps(results, indent=1) + "\n")
    partial.replace(RESULT)
    _LOG.info("%s%s", RESULT, f"; failed: {', '.join(failed)}" if failed else "")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
