"""Programs of the distribution that tests need: what is said where they are missing."""

from __future__ import annotations

import subprocess
from types import ModuleType

import pytest

from tests import pgbouncer
from tests.browser import chromium


@pytest.mark.parametrize(
    "failure",
    [subprocess.CalledProcessError(100, ["apt-get"]), FileNotFoundError("apt-get")],
    ids=["without the right to install", "without apt-get"],
)
@pytest.mark.parametrize(
    ("program", "get"), [(pgbouncer, "fetch"), (chromium, "install")], ids=["pgbouncer", "chromium"]
)
def test_a_program_that_cannot_be_had_is_one_line(
    program: ModuleType, get: str, failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise failure

    monkeypatch.setattr(program, "find", lambda: None)
    monkeypatch.setattr(program, get, fail)

    with pytest.raises(SystemExit) as ended:
        program.main()

    assert ended.value.code == program.LEFT_OUT
