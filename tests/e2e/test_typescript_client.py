"""The TypeScript client against a running service: booking, receiving, completing, listing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from local.instance import CHECKOUT
from tests.clients.typescript import node
from tests.e2e.instance import Instance

DOCUMENTATION = CHECKOUT / "docs" / "typescript.md"

pytestmark = pytest.mark.skipif(node.find() is None, reason=node.LEFT_OUT)


def settings_of(running: Instance) -> dict[str, str]:
    return {"WAKECALL_URL": f"http://127.0.0.1:{running.port}", "WAKECALL_KEY": running.key}


def test_a_program_books_and_receives_calls_through_the_whole_service(running: Instance) -> None:
    done = node.run("test/end_to_end/round_trip.js", settings=settings_of(running))
    assert done.stdout == "round trip: done\n", done.stderr


def test_every_example_of_the_pages_runs(running: Instance, tmp_path: Path) -> None:
    blocks = [
        block
        for page in (DOCUMENTATION, node.PACKAGE / "README.md")
        for block in re.findall(r"```js[^\n]*\n(.*?)```", page.read_text(), re.DOTALL)
    ]
    assert len(blocks) == 6
    installed = tmp_path / "node_modules"
    installed.mkdir()
    (installed / "wakecall").symlink_to(node.PACKAGE)
    examples = [tmp_path / f"example-{number}.mjs" for number in range(len(blocks))]
    for example, block in zip(examples, blocks, strict=True):
        example.write_text(block.replace("9000", "0"))

    program = node.PACKAGE / "test" / "end_to_end" / "documentation.js"
    done = node.run(f"{program}", *map(str, examples), settings=settings_of(running))

    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("ran ")] == [
        f"ran {example}" for example in examples
    ]
