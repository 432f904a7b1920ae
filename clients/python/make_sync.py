# noqa: INP001 - a program
"""Makes the synchronous client of the one for asyncio: `python clients/python/make_sync.py`.

Both are then the same by construction; a test fails where the copy is out of date.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

_WAKECALL = Path(__file__).parent / "src" / "wakecall"
SOURCE = _WAKECALL / "_async"
TARGET = _WAKECALL / "_sync"
_ROOM = (
    '"""The client without asyncio, made of the other one by `clients/python/make_sync.py`."""\n'
)
_CHANGES = (
    (r"\bwakecall\._async\b", "wakecall._sync"),
    (r"\basync (def|with|for)\b", r"\1"),
    (r"\bawait ", ""),
    (r"\bAwaitable\[T\]", "T"),
    (r"\bAwaitable, ", ""),
    (r"\bAsync(?=[A-Z])", ""),
    (r"\b__a(iter|enter|exit)__", r"__\1__"),
    (r"\ba(iter_bytes|close)\b", r"\1"),
    (r"\basyncio\b", "time"),
    (r"  # noqa: ASYNC109 - .*", ""),
)
_TIDY = ["check", "--fix", "--unsafe-fixes", "--quiet", "--select", "I,UP028"]


def translate(source: Path) -> str:
    """The synchronous text of a module for asyncio, in the format of the project."""
    if source.name == "__init__.py":
        return _ROOM
    text = source.read_text()
    for pattern, replacement in _CHANGES:
        text = re.sub(pattern, replacement, text)
    for command in (_TIDY, ["format", "--quiet"]):
        text = subprocess.run(  # noqa: S603 - ruff, on a module of this project
            [
                sys.executable,
                "-m",
                "ruff",
                *command,
                "--stdin-filename",
                str(TARGET / source.name),
                "-",
            ],
            input=text,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    return text


def main() -> None:
    """Write the synchronous modules."""
    for source in sorted(SOURCE.glob("*.py")):
        (TARGET / source.name).write_text(translate(source))


if __name__ == "__main__":
    main()
