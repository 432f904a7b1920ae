"""From a bare Python to .venv: done once, repaired, and refused in one line."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from local import bootstrap
from local.instance import CHECKOUT

LOCK = "requirements.txt"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with nothing to install, and a Python that can make it an environment."""
    shutil.copytree(CHECKOUT / "local", tmp_path / "local", ignore=shutil.ignore_patterns("*.pyc"))
    for name in (LOCK, "requirements-dev.txt"):
        (tmp_path / name).write_text(f"# {name}\n")
    return tmp_path


def setup(checkout: Path, lock: str = LOCK, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", "local/bootstrap.sh", lock],
        cwd=checkout,
        env={"PATH": os.defpath, "PYTHON": sys.executable, **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def stamped(checkout: Path, *locks: str) -> Path:
    """An environment that says it holds these."""
    venv = checkout / ".venv"
    (venv / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}").mkdir(parents=True)
    lines = [f"{venv}", *(bootstrap._digest(checkout / lock) for lock in locks)]
    (venv / "wakecall-installed").write_text("\n".join(lines) + "\n")
    return venv


def test_an_environment_is_made_once_and_found_at_once_afterwards(checkout: Path) -> None:
    first = setup(checkout)
    assert first.returncode == 0, first.stderr
    assert (checkout / ".venv" / "bin" / "python").exists()
    assert "Environment" in first.stdout

    second = setup(checkout)

    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")


def test_the_command_line_of_the_checkout_is_offered(checkout: Path) -> None:
    client = checkout / "clients" / "python" / "src" / "wakecall" / "cli"
    client.mkdir(parents=True)
    (client.parent / "__init__.py").touch()
    (client / "__init__.py").touch()
    (client / "__main__.py").write_text("import sys\nprint(sys.argv[1:])\n")
    assert setup(checkout).returncode == 0
    (checkout / "elsewhere").mkdir()
    (checkout / "elsewhere" / "wakecall.py").write_text("raise SystemExit(3)\n")

    done = subprocess.run(
        [checkout / ".venv" / "bin" / "wakecall", "job", "two words"],
        cwd=checkout / "elsewhere",
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "['job', 'two words']\n"


def test_a_python_too_old_is_reported_in_one_line(checkout: Path, tmp_path: Path) -> None:
    old = tmp_path / "bin"
    old.mkdir()
    for name in ("python3", "python"):
        (old / name).write_text("#!/bin/sh\nexit 1\n")
        (old / name).chmod(0o755)
    (old / "dirname").symlink_to(shutil.which("dirname") or "")
    (checkout / "local" / "bootstrap.sh").write_text(
        (checkout / "local" / "bootstrap.sh").read_text().replace("/usr/bin/python3", "")
    )

    refused = setup(checkout, PATH=f"{old}", PYTHON="")

    assert refused.returncode == 1
    assert refused.stderr.startswith("wakecall: Wakecall needs Python 3.11 or newer")
    assert refused.stderr.count("\n") == 1


def test_an_installed_lock_is_known_by_its_content(checkout: Path) -> None:
    venv = stamped(checkout, LOCK)
    lock = checkout / LOCK
    assert bootstrap.installed(venv, lock)
    assert not bootstrap.installed(venv, checkout / "requirements-dev.txt")

    lock.write_text("another==1\n")

    assert not bootstrap.installed(venv, lock)


def test_an_environment_that_was_copied_from_elsewhere_does_not_count(checkout: Path) -> None:
    stamped(checkout, LOCK)
    shutil.copytree(checkout, checkout / "copy", ignore=shutil.ignore_patterns("copy"))

    assert not bootstrap.installed(checkout / "copy" / ".venv", checkout / "copy" / LOCK)


def test_an_environment_of_another_python_does_not_count(checkout: Path) -> None:
    venv = stamped(checkout, LOCK)
    (venv / "lib").rename(venv / "was-lib")

    assert not bootstrap.installed(venv, checkout / LOCK)


def test_an_unfinished_environment_does_not_count(checkout: Path) -> None:
    assert not bootstrap.installed(checkout / ".venv", checkout / LOCK)


def test_each_lock_holds_every_pin_of_those_it_covers() -> None:
    def pins(name: Path) -> set[str]:
        lines = (CHECKOUT / name).read_text().splitlines()
        return {line.split()[0] for line in lines if "==" in line and line[0].isalpha()}

    covered = bootstrap._covered(bootstrap.BENCHMARK_LOCK)

    assert [f"{each}" for each in covered[:2]] == [LOCK, "requirements-dev.txt"]
    for less, more in pairwise(covered):
        assert pins(less) < pins(more)


def test_two_setups_at_once_take_turns(checkout: Path) -> None:
    handle = os.open(checkout, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with subprocess.Popen(
        [sys.executable, "-m", "local.bootstrap", LOCK],
        cwd=checkout,
        stdout=subprocess.PIPE,
        text=True,
    ) as second:
        assert second.stdout is not None
        assert second.stdout.readline() == "Waiting      another make is setting up .venv\n"
        assert not (checkout / ".venv").exists()
        second.kill()
    os.close(handle)


def test_what_a_lock_covers_need_not_be_installed_again() -> None:
    run, development, measure = bootstrap._covered(bootstrap.BENCHMARK_LOCK)

    assert bootstrap._covered(development) == [run, development]
    assert bootstrap._covered(run) == [run]
    assert bootstrap._covered(Path("other.txt")) == [Path("other.txt")]
    assert measure == bootstrap.BENCHMARK_LOCK


@pytest.mark.parametrize(
    ("heard", "reported"),
    [
        (
            "Retrying: NewConnectionError\nERROR: No matching distribution found for flask\n",
            "the package index cannot be reached",
        ),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES\n", "is not the one that was locked"),
        (
            "ERROR: No matching distribution found for pycurl==7.49.0\n",
            "offers no build of pycurl==7.49.0 for this machine",
        ),
        ("ERROR: Could not install: [Errno 28] No space left on device\n", "the disk is full"),
        ("ERROR: something else\nmore\n", "pip failed: ERROR: something else"),
    ],
)
def test_what_pip_complains_of_becomes_one_line(heard: str, reported: str) -> None:
    reason = bootstrap._reason(heard.splitlines(keepends=True), Path(".venv/log"))

    assert reported in reason
    assert "\n" not in reason


def test_progress_counts_what_is_found() -> None:
    assert (
        bootstrap._progress("Collecting flask==3.1.3 (from x)\n", 7, 49) == "7 of 49: flask==3.1.3"
    )
    assert bootstrap._progress("Installing collected packages: a, b\n", 49, 49).endswith(
        "unpacking"
    )
    assert bootstrap._progress("  Downloading flask.whl (1 kB)\n", 7, 49) == ""
