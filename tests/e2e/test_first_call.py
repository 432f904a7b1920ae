"""The first call: from an invitation to a call that has come, in real processes, without script."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Report, at_home
from tests.e2e.first_call import EMAIL, LIMIT_S, PASSWORD, Visitor, invite
from tests.e2e.instance import Instance, until

START = "/console/start"


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    """An instance whose workers may call no private address: inboxes have a rule of their own."""
    with at_home(tmp_path / "home", WAKECALL_ALLOW_TARGETS="") as made:
        made.start()
        made.wait_until_ready()
        yield made


def test_whoever_joins_sees_a_verified_call_within_a_minute(
    instance: Instance, report: Report
) -> None:
    path = invite(instance)
    visitor = Visitor(f"http://127.0.0.1:{instance.port}")
    begun = time.monotonic()

    visitor.get(path)
    visitor.send(path, email=EMAIL, password=PASSWORD, account="ada")
    assert visitor.path == START
    command = visitor.page.xpath("string(//*[@id='step-1']//pre)")
    visitor.send(f"{START}/call")
    assert visitor.path == START
    until(lambda: _has_come(visitor), "the call has come")

    took = time.monotonic() - begun
    report(f"join to verified call: {took:.1f} s, of which the call is 5 s ahead")
    report(visitor.text("step-3"))
    assert took < LIMIT_S

    # The command that the page shows works as it is pasted; the key is in it.
    assert "wk_" in command
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=True)
    assert len(done.stdout.strip()) == 36
    visitor.get(START)
    assert "due in" in visitor.text("step-2")
    inbox = visitor.page.xpath("//*[@id='step-1']//a[starts-with(@href, '/console/inbox/')]/@href")
    until(lambda: _calls(visitor, inbox[0]) == 2, "the second call has come")


def _has_come(visitor: Visitor) -> bool:
    visitor.get(START)
    return "late, verified" in visitor.text("step-3")


def _calls(visitor: Visitor, path: str) -> int:
    return len(visitor.get(path).xpath("//tbody[@id='calls-rows']/tr"))
