"""The program of `make interleavings`."""

from __future__ import annotations

from tests.interleavings.command import main

if __name__ == "__main__":
    main()
