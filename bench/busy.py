"""Busy: a process that computes without a pause, as a neighbour on the same machine may."""

from __future__ import annotations

import sys
import time


def main(seconds: float) -> None:
    """Take all of one processor for so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


if __name__ == "__main__":
    main(float(sys.argv[1]))
