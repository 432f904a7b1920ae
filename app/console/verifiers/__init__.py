"""Verifiers: programs of ten lines that check whether a call comes from Wakecall, to be copied.

They read the signing secret from the environment variable WAKECALL_SECRET, and refuse calls that
were signed more than five minutes ago.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

_FILES: Final = {"Python": "python", "Node.js": "node", "Go": "go", "PHP": "php"}

VERIFIERS: Final = {
    name: Path(__file__).with_name(f"{file}.txt").read_text(encoding="utf-8")
    for name, file in _FILES.items()
}
"""The programs by language."""
