"""Preview: what a whole Fusion schedule would do, its triggers taken together."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from app.api import previews
from app.api.fusion import schedule_document
from app.domain.fusion import preview
from app.domain.preview import Preview

FUSION: Final = "fusion"


def _preview(members: Mapping[str, Any], after: datetime, count: int) -> Preview:
    """The preview of a schedule saved at `after`: intervals without a start count from then."""
    schedule = schedule_document.parse_lenient(members, resource=None, now=after)
    return preview.preview_schedule(schedule, after=after, count=count)


PREVIEWER: Final = previews.Previewer(
    name=FUSION, members=("resource", "enabled", "triggers", "default"), preview=_preview
)
