"""Tools of other languages: run where they are present, named where they are not."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

PATIENCE_S: Final = 300.0
"""Seconds in which a tool must finish, packages fetched as well."""

# A Go tool chain may be installed where no PATH leads.
PATH: Final = f"{os.environ.get('PATH', '')}:/usr/local/go/bin"


class LeftOut(Exception):
    """What cannot be built on this machine; the text tells why."""


def run_tool(tool: str, *arguments: str, folder: Path) -> None:
    """Run a tool to its good end. Raises LeftOut."""
    found = shutil.which(tool, path=PATH)
    if found is None:
        raise LeftOut(f"{tool} is not installed")
    try:
        done = subprocess.run(
            [found, *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=PATIENCE_S,
        )
    except subprocess.TimeoutExpired:
        raise LeftOut(f"{tool} did not finish within {PATIENCE_S:g} s") from None
    if done.returncode:
        lines = (done.stdout + done.stderr).strip().splitlines() or ["no reason given"]
        shown = next((line for line in lines if "ERROR" in line), lines[-1])
        raise LeftOut(f"{tool} failed: {shown[:300]}")
