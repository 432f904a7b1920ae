"""The wire files of tests/golden: the examples of the spec, in the corrected form."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent.parent / "golden"


def golden(name: str) -> bytes:
    """The exact bytes on the wire; the file has a line end more."""
    return (FOLDER / name).read_bytes().removesuffix(b"\n")
