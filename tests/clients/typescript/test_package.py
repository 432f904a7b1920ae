"""The TypeScript client's own tests, with nothing installed: what is built is checked in."""

from __future__ import annotations

import json
import sys

import pytest

from tests.clients.typescript import node

pytestmark = pytest.mark.skipif(node.find() is None, reason=node.LEFT_OUT)


def test_the_tests_of_the_package_pass() -> None:
    done = node.run("--test", *node.tests(), settings={"PYTHON": sys.executable})
    failed = [line for line in done.stdout.splitlines() if "not ok" in line or "error:" in line]
    assert done.returncode == 0, "\n".join([*failed, done.stderr[-2000:]])
    assert "\n# skipped 0\n" in done.stdout


def test_the_package_needs_nothing_at_run_time_and_names_no_registry() -> None:
    described = json.loads((node.PACKAGE / "package.json").read_text())
    locked = (node.PACKAGE / "package-lock.json").read_text()
    assert "dependencies" not in described
    assert described["engines"] == {"node": ">=20"}
    assert '"resolved"' not in locked
    assert "//registry" not in locked
