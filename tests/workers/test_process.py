"""The start of scheduler, worker and quarantine: what they import, settings that cannot work."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from local.instance import CHECKOUT

PROCESSES = pytest.mark.parametrize(
    "module", ["workers.scheduler", "workers.worker", "workers.quarantine"]
)
# The web, and what only the web and its commands need.
OF_THE_WEB = ("app.factory", "app.api", "app.console", "app.docs_site", "alembic", "lxml")


@PROCESSES
def test_no_process_loads_the_web(module: str) -> None:
    program = f"import sys, {module}; print(*sys.modules, sep='\\n')"

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=CHECKOUT
    )

    loaded = done.stdout.splitlines()
    assert module in loaded
    assert [each for each in loaded if each.startswith(OF_THE_WEB)] == []


def refused(module: str, home: Path, settings: dict[str, str]) -> str:
    """What a process prints that ends at its start because of these settings."""
    done = subprocess.run(
        [sys.executable, "-m", module],
        capture_output=True,
        text=True,
        check=False,
        cwd=CHECKOUT,
        env={
            **os.environ,
            "WAKECALL_HOME": str(home),
            "DATABASE_URL": "postgresql://127.0.0.1:1/x",
            **settings,
        },
        timeout=60,
    )

    assert done.returncode == 1
    return done.stderr


@PROCESSES
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgresql://root:secret@127.0.0.1:1,127.0.0.1:2,127.0.0.1/x?port=1,2"),
        ("REDIS_URL", "http://root:secret@127.0.0.1"),
    ],
)
def test_a_url_that_can_never_work_is_refused(
    tmp_path: Path, module: str, name: str, value: str
) -> None:
    refusal = refused(module, tmp_path, {name: value})

    assert refusal.startswith(f"wakecall: {name} cannot be used: ")
    assert refusal.count("\n") == 1
    assert "secret" not in refusal


@pytest.mark.parametrize("text", [None, "", "no certificate"])
def test_a_worker_without_the_certificates_to_check_by_does_not_start(
    tmp_path: Path, text: str | None
) -> None:
    file = tmp_path / "root.pem"
    if text is not None:
        file.write_text(text)
    settings = {
        "WAKECALL_SECRET_KEY": Fernet.generate_key().decode(),
        "WAKECALL_CA_FILE": str(file),
    }

    refusal = refused("workers.worker", tmp_path, settings)

    (line,) = refusal.splitlines()
    assert line.startswith("wakecall: WAKECALL_CA_FILE must be")
    assert str(file) in line
