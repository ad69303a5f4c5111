"""The wheel: a thin package `corrtrack`, in whose folder `_pipeline` lie flows, tasks and models.

So that no name but `corrtrack` comes into the environment of a user; pyproject.toml holds everything else.
"""

import shutil
import subprocess
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

RINGS = ("flows", "tasks", "models")
FOLDER = "corrtrack._pipeline"
DATA = {
    "": ["params.yaml", "profiles/**/*.yaml"],
    ".tasks": ["**/*.json", "**/*.html", "**/*.css", "**/*.js"],
    ".models": ["weights/*", "weights/curves/*"],
}
"""Files that are no Python, by the package that they lie in."""
PIPELINE = "pipeline.yaml"
"""The name of dvc.yaml there, by which `corrtrack explain` knows which stage writes what; dvc.yaml marks a checkout."""


class Build(build_py):
    """Builds from an empty folder, and notes the revision, which an installed package cannot ask git for."""

    def find_package_modules(self, package: str, package_dir: str) -> list[tuple[str, str, str]]:
        """Modules of a package; beside the three folders lies this file, which is of no use installed."""
        return [] if package == FOLDER else super().find_package_modules(package, package_dir)

    def run(self) -> None:
        """Copy the packages and their data."""
        if self.editable_mode:
            super().run()
            return
        shutil.rmtree(Path(self.build_lib) / "corrtrack", ignore_errors=True)
        super().run()
        folder = Path(self.build_lib, *FOLDER.split("."))
        if Path("dvc.yaml").is_file():  # a source archive has none
            shutil.copyfile("dvc.yaml", folder / PIPELINE)
        if revision := _revision():
            (folder / "REVISION").write_text(f"{revision}\n", encoding="utf-8")


def _revision() -> str | None:
    """The commit that is built, with "+changes" where files differ from it; None outside git."""
    if not Path(".git").exists():
        return None
    try:
        commit, changes = (
            subprocess.run(["git", *arguments], capture_output=True, text=True, check=True).stdout.strip()
            for arguments in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return commit + ("+changes" if changes else "")


packages = find_packages(include=[f"{ring}{below}" for ring in RINGS for below in ("", ".*")])
setup(
    packages=["corrtrack", FOLDER, *(f"{FOLDER}.{package}" for package in packages)],
    package_dir={FOLDER: ".", **{f"{FOLDER}.{ring}": ring for ring in RINGS}},
    package_data={FOLDER + package: patterns for package, patterns in DATA.items()},
    include_package_data=False,
    cmdclass={"build_py": Build},
)
