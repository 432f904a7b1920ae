"""Command line of Wakecall."""

from __future__ import annotations

from wakecall.cli.main import main

__all__ = ["main"]
