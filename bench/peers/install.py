"""Install: each peer into a folder of its own, as its lock has it, by pip or npm."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench.children import Failed
from local.instance import CHECKOUT

FOLDER: Final = CHECKOUT / "bench" / "peers" / ".installed"
LOCKS: Final = CHECKOUT / "bench" / "peers" / "locks"
_MARK: Final = "installed.sha256"
_PIP: Final = (
    *("pip", "install", "--quiet", "--require-hashes", "--no-input"),
    *("--disable-pip-version-check", "--requirement"),
)
_NPM: Final = (
    *("ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"),
)


def install(package: str, progress: Callable[[str], None]) -> Path:
    """The folder in which the peer stands, as its lock has it now. Raises Failed."""
    into = FOLDER / package
    if is_installed(package):
        return into
    progress("installing it")
    locked = lock(package)
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    if locked.suffix == ".json":
        _by_npm(locked.parent, into)
    else:
        _run(sys.executable, "-m", "venv", f"{into}")
        _run(f"{into / 'bin' / 'python'}", "-m", *_PIP, f"{locked}")
    (into / _MARK).write_text(_digest(package), encoding="ascii")
    return into


def is_installed(package: str) -> bool:
    """Whether the peer stands as its lock has it now."""
    mark = FOLDER / package / _MARK
    return mark.exists() and mark.read_text(encoding="ascii") == _digest(package)


def version(package: str) -> str:
    """Which version the lock names."""
    locked = lock(package)
    text = locked.read_text(encoding="utf-8")
    if locked.suffix == ".json":
        return str(json.loads(text)["packages"][f"node_modules/{package}"]["version"])
    line = next(line for line in text.splitlines() if line.startswith(f"{package}=="))
    return line.removeprefix(f"{package}==").split(" ", 1)[0]


def lock(package: str) -> Path:
    """The file that names all of a peer with version and digest."""
    npm = LOCKS / package / "package-lock.json"
    return npm if npm.exists() else LOCKS / f"{package}.txt"


def _digest(package: str) -> str:
    return hashlib.sha256(lock(package).read_bytes()).hexdigest()


def _by_npm(locked: Path, into: Path) -> None:
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise Failed("node and npm are not installed")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(locked / name, into / name)
    _run(npm, *_NPM, "--prefix", f"{into}")


def _run(*command: str) -> None:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
        said = next((line for line in lines if "rror" in line), lines[-1])
        raise Failed(f"it cannot be installed: {said.strip()}")
