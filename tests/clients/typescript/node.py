"""Node: runs the TypeScript client's own tests and programs."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).parents[3] / "clients" / "typescript"
LEFT_OUT: Final = "the TypeScript client is not tested: node is not installed (20 or newer)"
PATIENCE_S: Final = 300.0


def find() -> str | None:
    """The path of node, where it is installed."""
    return shutil.which("node")


def run(
    *arguments: str, settings: Mapping[str, str] | None = None, folder: Path = PACKAGE
) -> subprocess.CompletedProcess[str]:
    """What node did with these arguments; its own test runner must not know of another one."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WAKECALL_")}
    return subprocess.run(
        [find() or "node", *arguments],
        cwd=folder,
        env={**kept, **(settings or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )


def tests() -> list[str]:
    """The files of the client's own tests."""
    return sorted(str(path.relative_to(PACKAGE)) for path in PACKAGE.glob("test/*.test.js"))
