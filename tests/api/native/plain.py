"""A plain booking in JSON, which may be made directly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

WHEN: Final = (datetime.now(UTC) + timedelta(days=400)).strftime("%Y-%m-%dT%H:%M:%SZ")
PLAIN: Final[dict[str, Any]] = {"url": "https://example.com/wake", "when": WHEN}
