"""The web process with a defect at /defect, and a thread that ends once the file END exists.

That thread takes SLOWLY seconds for each look at the database.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from app.api.scopes import needs_no_key
from app.service.health_watch import HealthWatch
from wsgi import app, asgi

_refresh = HealthWatch.refresh


def _end_or_refresh(watch: HealthWatch) -> float:
    end = Path(os.environ.get("END", "/nowhere"))
    if end.exists():
        end.unlink()
        sys.exit()
    time.sleep(float(os.environ.get("SLOWLY", "0")))
    return _refresh(watch)


@app.get("/defect")
@needs_no_key
def defect() -> str:
    """A view that fails."""
    raise RuntimeError


HealthWatch.refresh = _end_or_refresh  # type: ignore[assignment, method-assign] # that is the point

__all__ = ["asgi"]
