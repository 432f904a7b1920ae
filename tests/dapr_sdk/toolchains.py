"""Tool chains: builds the programs on the SDKs of Go and Java, where their tools are present."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.dapr_sdk.environments import HERE, INSTALLED

BUILD_S: Final = 300.0
"""Seconds in which programs must be built, their packages fetched as well."""

# A Go tool chain may be installed where no PATH leads.
_PATH: Final = f"{os.environ.get('PATH', '')}:/usr/local/go/bin"


class LeftOut(Exception):
    """Programs that cannot be built on this machine; the text says why."""


def go() -> Path:
    """The folder with the programs `service` and `scheduler`. Raises LeftOut."""
    into = INSTALLED / "go"
    _run("go", "build", "-mod=readonly", "-o", f"{into}/", "./...", folder=HERE / "go")
    return into


def java() -> Path:
    """The folder with the classes, and that of the libraries in it. Raises LeftOut."""
    into = INSTALLED / "java"
    if shutil.which("java", path=_PATH) is None:
        raise LeftOut("java is not installed")
    _run("mvn", "-B", "-q", f"-DbuildDirectory={into}", "compile", folder=HERE / "java")
    return into


BUILDERS: Final[dict[str, Callable[[], Path]]] = {"go": go, "java": java}


def _run(tool: str, *arguments: str, folder: Path) -> None:
    found = shutil.which(tool, path=_PATH)
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
            timeout=BUILD_S,
        )
    except subprocess.TimeoutExpired:
        raise LeftOut(f"{tool} did not finish within {BUILD_S:g} s") from None
    if done.returncode:
        lines = (done.stdout + done.stderr).strip().splitlines() or ["no reason given"]
        said = next((line for line in lines if "ERROR" in line), lines[-1])
        raise LeftOut(f"{tool} failed: {said[:300]}")
