"""Environments of the Python SDK: each in a folder of its own, as its packages need other versions
than Wakecall's; made once, by whichever test process needs it first."""

from __future__ import annotations

import fcntl
from pathlib import Path

from local import bootstrap
from local.instance import CHECKOUT

HERE = CHECKOUT / "tests" / "dapr_sdk"
LOCKS = HERE / "locks"
INSTALLED = CHECKOUT / ".dapr-sdks"
OLDEST, NEWEST = "oldest", "newest"


def python(name: str) -> Path:
    """The Python of this environment, which holds what its lock lists. Raises bootstrap.Unable."""
    venv, lock = INSTALLED / name, LOCKS / f"{name}.txt"
    INSTALLED.mkdir(exist_ok=True)
    with (INSTALLED / f"{name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        if not bootstrap.installed(venv, lock):
            bootstrap.install(venv, lock)
    return venv / "bin" / "python"


def version(name: str) -> str:
    """The version of the SDK that the lock names."""
    lines = (LOCKS / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    pinned = next(line for line in lines if line.startswith("dapr=="))
    return pinned.removeprefix("dapr==").split(" ", 1)[0]
