"""`make test-sdks`: the programs on the SDKs of Go and Java, where they can be built here.

What cannot be built is named, and fails nothing: a package registry may be out of reach.
"""

from __future__ import annotations

import subprocess
import sys

from tests.dapr_sdk.toolchains import BUILDERS
from tests.tools import LeftOut

_TESTS = "tests/e2e/test_dapr_sdk_toolchains.py"


def main() -> int:
    """Build, then test what was built; the status of the tests."""
    built = []
    for name, build in BUILDERS.items():
        try:
            build()
        except LeftOut as reason:
            print(f"{name} SDK: left out: {reason}", flush=True)  # noqa: T201 - for the terminal
        else:
            built.append(name)
    if not built:
        return 0
    command = [sys.executable, "-m", "pytest", "-m", "toolchain", _TESTS, "-k", " or ".join(built)]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
