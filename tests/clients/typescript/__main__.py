"""Part of `make test-sdks`: the TypeScript client with its compiler, where that can be installed.

What cannot be installed is named, and fails nothing: a package registry may be out of reach.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.clients.typescript import toolchain
from tests.tools import LeftOut

_TESTS = "tests/clients/typescript/test_toolchain.py"


def main() -> int:
    """Install, then test; the status of the tests."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            toolchain.installed(Path(folder))
    except LeftOut as reason:
        print(f"TypeScript client: left out: {reason}", flush=True)  # noqa: T201 - for the terminal
        return 0
    command = [sys.executable, "-m", "pytest", "-m", "toolchain", _TESTS]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
