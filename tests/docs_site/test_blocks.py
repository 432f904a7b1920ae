"""Every code block of the documentation is executed, or marked as output or with a reason."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from app import config, create_app
from app.api.context import context_of
from app.docs_site.sources import ROOT
from app.service import accounts
from app.store.engine import db
from tests.docs_site.blocks import (
    PATIENCE_S,
    PORT,
    Block,
    blocks_of,
    indented_in,
    mismatches,
    pattern_of,
    script_of,
)
from tests.e2e.conftest import at_work
from tests.e2e.instance import Instance, environment
from tests.ports import free_port

AT_ONCE = 6
PAGES = {
    path.relative_to(ROOT).as_posix(): blocks_of(path, ROOT)
    for path in sorted([*ROOT.glob("docs/**/*.md"), ROOT / "CONTRIBUTING.md"])
}
# Of README, tests/test_readme.py executes the receiver, and tests/e2e the other examples.
PAGES["README.md"] = [
    each for each in blocks_of(ROOT / "README.md", ROOT) if each.fence.mode == "run"
]
EXECUTED = [
    page for page, blocks in PAGES.items() if any(each.fence.mode == "run" for each in blocks)
]


def name_of(number: int) -> str:
    """The account of a page, which the page calls demo."""
    return f"demo-{number}"


@dataclass(frozen=True, kw_only=True)
class Done:
    """The end of a page's script."""

    status: int
    errors: str
    folder: Path


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    with at_work(tmp_path_factory.mktemp("docs") / "home") as running:
        yield running


@pytest.fixture(scope="module")
def keys(instance: Instance) -> Mapping[str, str]:
    """A key for each page, of an account of its own."""
    settings = {"WAKECALL_HOME": str(instance.home)}
    app = create_app(config.load(settings))
    with app.app_context():
        made = {
            page: accounts.create(context_of(app), name_of(number))
            for number, page in enumerate(EXECUTED)
        }
        db.engine.dispose()
    return made


@pytest.fixture(scope="module")
def ends(
    instance: Instance, keys: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Future[Done]]]:
    """The scripts of all pages, which mostly wait for calls, executed a few at a time."""
    folder = tmp_path_factory.mktemp("pages")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            page: pool.submit(
                execute, PAGES[page], folder / str(number), instance, name_of(number), keys[page]
            )
            for number, page in enumerate(EXECUTED)
        }


def execute(blocks: list[Block], folder: Path, instance: Instance, account: str, key: str) -> Done:
    folder.mkdir()
    command = folder / "bin" / "wakecall"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m wakecall.cli "$@"\n')
    command.chmod(0o700)
    script = script_of(blocks, folder, {PORT: str(free_port()), '"demo:': f'"{account}:'})
    settings = {
        "URL": f"http://127.0.0.1:{instance.port}",
        "KEY": key,
        "WAKECALL_URL": f"http://127.0.0.1:{instance.port}",
        "WAKECALL_KEY": key,
        "HOME": str(folder),
        "PATH": f"{command.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "clients" / "python" / "src"),
    }
    done = subprocess.run(
        ["bash", "-c", script],
        env={**environment(), **settings},
        capture_output=True,
        text=True,
        timeout=3 * PATIENCE_S,
        check=False,
    )
    return Done(status=done.returncode, errors=done.stderr, folder=folder)


@pytest.mark.parametrize("page", EXECUTED)
def test_the_code_of_a_page_does_what_the_page_shows(
    page: str, ends: Mapping[str, Future[Done]]
) -> None:
    done = ends[page].result()

    assert done.status == 0, done.errors
    found = mismatches(PAGES[page], done.folder)
    assert not found, "\n".join(found)


def test_every_block_is_executed_or_marked() -> None:
    """Text is not code: the help of commands on docs/cli.md has tests of its own."""
    unmarked = [
        each.where
        for blocks in PAGES.values()
        for each in blocks
        if not each.fence.mode and each.fence.language != "text"
    ]
    assert unmarked == []


def test_no_block_is_indented_and_so_without_a_mark() -> None:
    pages = [*sorted(ROOT.glob("docs/**/*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    found = [f"{page.relative_to(ROOT)}:{line}" for page in pages for line in indented_in(page)]
    assert found == []


def test_a_block_that_is_left_out_gives_its_reason() -> None:
    skipped = [each for blocks in PAGES.values() for each in blocks if each.fence.mode == "skip"]
    assert [each.where for each in skipped if len(each.fence.value.split()) < 3] == []


def test_an_output_follows_what_prints_it() -> None:
    alone = []
    for blocks in PAGES.values():
        ran = False
        for each in blocks:
            ran = ran or each.fence.mode == "run"
            if each.fence.mode == "output" and not ran:
                alone.append(each.where)
    assert alone == []


@pytest.mark.parametrize(
    ("shown", "printed", "matches"),
    [
        ("a …\nb", "a 1\n2\nb", True),
        ("204", "205", False),
        ('"due": "2026-11-22T09:30:00Z"', '"due": "2026-12-01T10:00:00Z"', True),
        ('"utc": "2027-03-27T01:30:00Z"', '"utc": "2027-03-27T02:30:00Z"', False),
        ("1.5 ms", "0.25 ms", True),
        ("whsec_abc", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", True),
        ("http://127.0.0.1:8000/x", "http://127.0.0.1:40001/y", False),
        ("key create demo --scope book", f"key create {name_of(1)} --scope book", True),
        ("key create demo --scope book", f"key create {name_of(1234)} --scope book", True),
        ("key create demo --scope book", "key create other --scope book", False),
    ],
)
def test_what_a_page_shows_is_compared_except_for_what_changes(
    shown: str, printed: str, *, matches: bool
) -> None:
    assert (re.fullmatch(pattern_of(shown), printed, re.DOTALL) is not None) == matches
