"""Days: the two day fields of an expression, as the matching days of every shape of month."""

from __future__ import annotations

from typing import Final

from app.domain.dapr.fields import Values
from app.domain.quartz.day_fields import DayFields
from app.domain.quartz.schedule import SHAPES, DayTable

NO_DAYS: Final[DayTable] = tuple(() for _ in SHAPES)


def day_fields(by_month: Values, by_week: Values) -> DayFields:
    """The days on which an expression fires.

    Where one of the fields is open (`*`), both must match; where neither is, one match is enough.
    """
    return DayFields(by_month.values, by_week.values, by_month.star or by_week.star)
