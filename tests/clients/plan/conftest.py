"""What the tests of plans share: commands against the real application, and a file to apply."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.cli.conftest import account, canned, home, real, service, wakecall

__all__ = ["account", "canned", "home", "real", "service", "wakecall"]

HEAD = 'version = 1\nset = "billing"\n'
Write = Callable[..., Path]


@pytest.fixture
def write(home: Path) -> Write:
    """Writes wakecall.toml into the folder in which commands run."""

    def into(text: str, *, head: str = HEAD, name: str = "wakecall.toml") -> Path:
        path = home / "folder" / name
        path.write_text(head + text)
        return path

    return into
