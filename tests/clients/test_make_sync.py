"""Tests of the synchronous client: it is the one for asyncio, translated."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

PROGRAM = Path(__file__).parents[2] / "clients" / "python" / "make_sync.py"


def _load() -> ModuleType:
    described = importlib.util.spec_from_file_location("make_sync", PROGRAM)
    assert described is not None
    assert described.loader is not None
    module = importlib.util.module_from_spec(described)
    described.loader.exec_module(module)
    return module


MAKE_SYNC = _load()
SOURCES = sorted(MAKE_SYNC.SOURCE.glob("*.py"))


def test_both_clients_have_the_same_modules() -> None:
    made = sorted(path.name for path in MAKE_SYNC.TARGET.glob("*.py"))
    assert made == [path.name for path in SOURCES]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_the_synchronous_client_is_up_to_date(source: Path) -> None:
    made = (MAKE_SYNC.TARGET / source.name).read_text()
    assert made == MAKE_SYNC.translate(source), "run python clients/python/make_sync.py"
    assert re.search(r"\basync\b|\bawait\b|Async", made) is None
