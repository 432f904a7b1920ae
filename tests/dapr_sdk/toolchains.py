"""Tool chains: builds the programs on the SDKs of Go and Java, where their tools are present."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests import tools
from tests.dapr_sdk.environments import HERE, INSTALLED
from tests.tools import LeftOut, run_tool


def go() -> Path:
    """The folder with the programs `service` and `scheduler`. Raises LeftOut."""
    into = INSTALLED / "go"
    run_tool("go", "build", "-mod=readonly", "-o", f"{into}/", "./...", folder=HERE / "go")
    return into


def java() -> Path:
    """The folder with the classes, and that of the libraries in it. Raises LeftOut."""
    into = INSTALLED / "java"
    if shutil.which("java", path=tools.PATH) is None:
        raise LeftOut("java is not installed")
    run_tool("mvn", "-B", "-q", f"-DbuildDirectory={into}", "compile", folder=HERE / "java")
    return into


BUILDERS: Final[dict[str, Callable[[], Path]]] = {"go": go, "java": java}
