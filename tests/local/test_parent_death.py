"""Parent death: a program ends with the process that started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from local import parent_death
from local.orphans import identity
from tests.e2e.instance import until

PARENT = """
import os, subprocess, sys
command = [sys.executable, "-I", "-S", sys.argv[1], "15", str(os.getpid()), "-", "--"]
child = subprocess.Popen([*command, sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
child.wait()
"""


def dying_with_parent(parent: int, owner: str, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-I",
            "-S",
            parent_death.__file__,
            "15",
            f"{parent}",
            owner,
            "--",
            *command,
        ],
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_program_ends_when_its_starter_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, parent_death.__file__], stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert identity(child)

        os.kill(parent.pid, signal.SIGKILL)

    until(lambda: not identity(child), "the child ends")


def test_a_program_whose_starter_is_gone_already_is_not_started(tmp_path: Path) -> None:
    done = dying_with_parent(1, "-", "/bin/sh", "-c", f"echo x > {tmp_path}/started")

    assert done.returncode == 126
    assert list(tmp_path.iterdir()) == []


def test_the_program_replaces_the_starting_process() -> None:
    done = dying_with_parent(os.getpid(), "-", "/bin/sh", "-c", "exit 7")

    assert done.returncode == 7


def test_a_program_that_is_missing_is_reported_in_one_line() -> None:
    done = dying_with_parent(os.getpid(), "-", "/no/such/program")

    assert done.returncode == 126
    assert done.stderr.startswith("/no/such/program: ")
    assert done.stderr.count("\n") == 1
