"""Run the command line with `python -m wakecall.cli`."""

from __future__ import annotations

from wakecall.cli.main import main

if __name__ == "__main__":
    main()
