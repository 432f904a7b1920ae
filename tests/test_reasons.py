"""Whatever leaves a check out says why, on its line."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROOMS = ("app", "bench", "clients", "local", "migrations", "tests", "workers")
WORDS = "noqa|type: ignore|pragma: no cover"
LEFT_OUT = re.compile(rf"#.*\b({WORDS})\b")
REASON = re.compile(r"noqa: [A-Z0-9, ]+ - \S|type: ignore\[[a-z, -]+\]  ?# (?!noqa)\S|cover - \S")


def test_whatever_leaves_a_check_out_says_why() -> None:
    sources = (each for room in ROOMS for each in (ROOT / room).rglob("*.py"))
    bare = [
        f"{source.relative_to(ROOT)}:{number}: {line.strip()}"
        for source in sources
        if not source.name.endswith("_pb2.py") and ".installed" not in source.parts
        for number, line in enumerate(source.read_text().splitlines(), 1)
        if LEFT_OUT.search(line) and not REASON.search(line)
    ]
    assert bare == []
