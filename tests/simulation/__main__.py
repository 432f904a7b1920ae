"""`python -m tests.simulation`: plays seeds, and tells of each that breaks a promise."""

from __future__ import annotations

from tests.simulation.clock import replace_uptime

replace_uptime()

from tests.simulation.command import main  # noqa: E402 - imports the service, under this uptime

if __name__ == "__main__":
    main()
