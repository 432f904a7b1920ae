"""Tool chain: a copy of the TypeScript client with its compiler, where npm is present."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.clients.typescript.node import PACKAGE
from tests.tools import run_tool

_NPM_CI = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")


def installed(into: Path) -> Path:
    """A copy of the package below `into`, with what its lock file names. Raises LeftOut."""
    package = into / "typescript"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("node_modules"))
    run_tool("npm", *_NPM_CI, folder=package)
    return package
