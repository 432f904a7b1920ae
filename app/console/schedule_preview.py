"""Schedule preview: the firings of a schedule, or its problem, for pages that show it live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.api.native.documents import preview as preview_document
from app.console import booking_form, page_context
from app.console.forms import Problem, problem_of
from app.domain.native.limits import MINIMUM_GAP
from app.domain.preview import Preview
from app.errors import Refused

FIRINGS: Final = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class SchedulePreview:
    """Either a preview, or the problem of the schedule."""

    preview: Preview | None = None
    problem: Problem | None = None

    @property
    def gap(self) -> str:
        """The closest that two firings come together, with the rule, in a sentence."""
        found = self.preview
        if found is None or found.minimum_gap is None:
            return ""
        return (
            f"Two firings are at least {_seconds(found.minimum_gap)} apart; "
            f"the minimum is {_seconds(MINIMUM_GAP)}."
        )


def preview(members: Mapping[str, Any], *, count: int = FIRINGS) -> SchedulePreview:
    """Return the preview of the members of a document, as the API previews them."""
    document = {**members, "count": count}
    try:
        found, _ = preview_document.read(booking_form.body(document), page_context.now())
    except Refused as error:
        return failed(error)
    return SchedulePreview(preview=found)


def failed(error: Refused) -> SchedulePreview:
    """Return the problem of a schedule that cannot be read."""
    return SchedulePreview(problem=problem_of(error))


def _seconds(number: int) -> str:
    for unit, size in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if number % size == 0:
            count = number // size
            return f"{count:,} {unit}{'' if count == 1 else 's'}"
    return f"{number:,} second{'' if number == 1 else 's'}"
