"""Bootstrap: makes `.venv` with every locked package, using the standard library only."""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from local.terminal import fail, say, step

VENV: Final = Path(".venv")
RUN_LOCK: Final = Path("requirements.txt")
DEVELOPMENT_LOCK: Final = Path("requirements-dev.txt")
BENCHMARK_LOCK: Final = Path("requirements-bench.txt")
_STAMP: Final = "wakecall-installed"
_PIP_LOG: Final = "wakecall-install.log"
CLIENT: Final = Path(__file__).absolute().parent.parent / "clients" / "python" / "src"
COMMAND: Final = "wakecall"
_FOUND: Final = ("Collecting ", "Requirement already satisfied: ")
# These make pip install somewhere else than into .venv.
_MISLEADING: Final = ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_REQUIRE_VIRTUALENV")
_NO_NETWORK: Final = re.compile(
    r"NewConnectionError|ConnectTimeout|NameResolutionError|name resolution|Max retries exceeded"
    r"|Network is unreachable|ProxyError|ReadTimeout|Connection refused|Connection broken"
)


class Unable(Exception):
    """The environment cannot be made; the text says why and what to do."""


def main(arguments: list[str]) -> int:
    """Install the lock file named last; with `--check`, only say whether that is needed."""
    lock = Path(arguments[-1])
    if "--check" in arguments:
        return 0 if installed(VENV, lock) else 1
    try:
        with _alone(Path()):
            # Asked of the environment's own Python, which may have been replaced under it.
            python = f"{VENV / 'bin' / 'python'}"
            if not _quiet(python, "-S", "-m", "local.bootstrap", "--check", f"{lock}"):
                install(VENV, lock)
    except Unable as error:
        fail(f"{error}")
        return 1
    except OSError as error:
        fail(f"{VENV} cannot be made in {Path.cwd()}: {error}.")
        return 1
    except KeyboardInterrupt:
        fail("interrupted; the same command goes on from here.")
        return 130
    return 0


def installed(venv: Path, lock: Path) -> bool:
    """Whether `venv` fits this Python, stands where it was made, and holds what `lock` lists."""
    major, minor = sys.version_info[:2]
    if not (venv / "lib" / f"python{major}.{minor}").is_dir():
        return False
    try:
        stamp = (venv / _STAMP).read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    return stamp[:1] == [f"{venv.absolute()}"] and _digest(lock) in stamp


def install(venv: Path, lock: Path) -> None:
    """Make or repair `venv`, then install `lock` into it. Raises Unable, OSError."""
    _make(venv)
    stamp = venv / _STAMP
    stamp.unlink(missing_ok=True)
    wanted = len(re.findall(r"^[\w.-]+==", lock.read_text(encoding="utf-8"), re.MULTILINE))
    with step("Packages", f"installing {wanted} packages") as shown:
        _pip(venv, lock, wanted, shown.doing)
        shown.result = f"{wanted} packages of {lock}"
    offer_command(venv)
    lines = [f"{venv.absolute()}", *(_digest(each) for each in _covered(lock))]
    fresh = stamp.with_suffix(".new")
    fresh.write_text("\n".join(lines) + "\n", encoding="utf-8")
    fresh.rename(stamp)


def offer_command(venv: Path) -> Path:
    """Write the command `wakecall` of this checkout; return its path. Raises OSError."""
    path = venv / "bin" / COMMAND
    client, python = (shlex.quote(f"{each.absolute()}") for each in (CLIENT, venv / "bin/python"))
    # -P keeps the command from importing modules of the folder in which it is run.
    script = f'#!/bin/sh\nPYTHONPATH={client} exec {python} -P -m wakecall.cli "$@"\n'
    path.write_text(script, encoding="utf-8")
    path.chmod(0o755)
    return path


def _covered(lock: Path) -> list[Path]:
    """The lock and those of which it holds every pin."""
    longest_last = [RUN_LOCK, DEVELOPMENT_LOCK, BENCHMARK_LOCK]
    return longest_last[: longest_last.index(lock) + 1] if lock in longest_last else [lock]


def _make(venv: Path) -> None:
    """Leave a working `venv` alone; make one otherwise, over the remains of an unfinished one."""
    home = venv / _STAMP
    moved = home.exists() and not home.read_text(encoding="utf-8").startswith(
        f"{venv.absolute()}\n"
    )
    python = venv / "bin" / "python"
    usable = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
    if not moved and _quiet(f"{python}", "-c", usable):
        return
    with step("Environment", f"making {venv}") as shown:
        made = subprocess.run(
            [sys.executable, "-m", "venv", "--clear", f"{venv}"],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            said = (made.stderr or made.stdout).strip().splitlines() or ["no reason given"]
            raise Unable(f"{sys.executable} -m venv failed: {said[-1]}")
        shown.result = f"{venv}, Python {platform.python_version()}"


def _pip(venv: Path, lock: Path, wanted: int, report: Callable[[str], None]) -> None:
    """Install every line of `lock`, hashes checked, ready-made builds only: no compiler needed."""
    command = [
        *(f"{venv / 'bin' / 'python'}", "-m", "pip", "install", "--progress-bar", "off"),
        *("--disable-pip-version-check", "--no-input", "--retries", "2", "--no-color"),
        *("--require-hashes", "--only-binary", ":all:", "-r", f"{lock}"),
    ]
    environment = {key: value for key, value in os.environ.items() if key not in _MISLEADING}
    output: list[str] = []
    found = 0
    with (
        (venv / _PIP_LOG).open("w", encoding="utf-8") as log,
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            env=environment,
        ) as pip,
    ):
        assert pip.stdout is not None  # noqa: S101 - it was asked for above
        for line in pip.stdout:
            log.write(line)
            output.append(line)
            found += line.startswith(_FOUND)
            if news := _progress(line, found, wanted):
                report(news)
    if pip.returncode:
        raise Unable(_reason(output, venv / _PIP_LOG))


def _progress(line: str, found: int, wanted: int) -> str:
    """What a line of pip's output says about how far it is, or nothing."""
    if line.startswith(_FOUND):
        name = line.removeprefix(_FOUND[0]).removeprefix(_FOUND[1]).split()[0]
        return f"{found} of {wanted}: {name}"
    if line.startswith("Installing collected"):
        return f"{found} of {wanted} at hand; unpacking"
    return "no answer from the package index; trying again" if "Retrying (" in line else ""


def _reason(output: list[str], log: Path) -> str:
    """One line from what pip printed before it gave up."""
    text = "".join(output)
    errors = [line.strip() for line in output if line.startswith("ERROR: ")]
    missing = re.search(r"No matching distribution found for (\S+)", text)
    if "No space left on device" in text:
        return f"the disk is full: make room below {log.parent.absolute()} and try again."
    if _NO_NETWORK.search(text):
        return (
            "the package index cannot be reached: check the network (and PIP_INDEX_URL, "
            f"HTTPS_PROXY where you use them) and try again. Details: {log}"
        )
    if "DO NOT MATCH THE HASHES" in text:
        return f"a downloaded package is not the one that was locked; nothing was kept: see {log}"
    if missing:
        return (
            f"the package index offers no build of {missing.group(1)} for this machine "
            f"({platform.machine()} {platform.system()}, Python {platform.python_version()}): "
            f"see {log}"
        )
    return f"pip failed: {errors[0] if errors else text.strip()[-200:]} (details: {log})"


def _quiet(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _digest(lock: Path) -> str:
    return hashlib.sha256(lock.read_bytes()).hexdigest()


@contextmanager
def _alone(checkout: Path) -> Iterator[None]:
    """Hold the checkout's lock, so that of two `make` at once the second waits for the first."""
    handle = os.open(checkout, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Waiting", f"another make is setting up {VENV}")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
