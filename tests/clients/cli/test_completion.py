"""Completion: its scripts load in the shells that are present, and complete."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clients.cli.invocation import Commands

ROOT = Path(__file__).parents[3]


@pytest.fixture
def command(tmp_path: Path) -> Path:
    """A folder for PATH with `wakecall` in it."""
    script = tmp_path / "wakecall"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m wakecall.cli "$@"\n')
    script.chmod(0o755)
    return tmp_path


def completed(shell: str, words: str, command: Path) -> str:
    """What a shell offers after these words, once the script is loaded."""
    program = shutil.which(shell)
    assert program is not None
    ask = {
        "bash": 'eval "$(wakecall completion bash)"; COMP_WORDS=({words}); '
        "COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _wakecall_completion wakecall; "
        'printf "%s\\n" "${{COMPREPLY[@]}}"',
        "fish": "wakecall completion fish | source; complete -C '{words}'",
    }[shell].format(words=words)
    done = subprocess.run(
        [program, *(["--norc"] if shell == "bash" else ["--no-config"]), "-c", ask],
        env={
            "PATH": f"{command}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": f"{ROOT / 'clients' / 'python' / 'src'}",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("shell", [each for each in ("bash", "fish") if shutil.which(each)])
def test_commands_and_options_are_completed(shell: str, command: Path) -> None:
    assert "redeliver" in completed(shell, "wakecall red", command).split()
    assert "--cron" in completed(shell, "wakecall book --cr", command)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_script(wakecall: Commands, shell: str) -> None:
    done = wakecall.run("completion", shell)

    assert done.code == 0, done.err
    assert "_WAKECALL_COMPLETE" in done.out


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not on this machine")
def test_the_script_of_zsh_is_read_by_zsh(wakecall: Commands) -> None:
    script = wakecall.run("completion", "zsh").out
    done = subprocess.run(
        [shutil.which("zsh") or "", "-f", "-n", "-c", script],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
