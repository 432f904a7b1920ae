"""Days: the two day fields of an expression, as the matching days of every shape of month."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from app.domain.dapr.fields import Values
from app.domain.quartz.schedule import DAYS_IN_WEEK, SHAPES, DayTable

NO_DAYS: Final[DayTable] = tuple(() for _ in SHAPES)


@lru_cache(maxsize=1024)
def day_table(by_month: Values, by_week: Values) -> DayTable:
    """The days on which an expression fires.

    Where one of the fields is open (`*`), both must match; where neither is, one match is enough.
    """
    both = by_month.star or by_week.star
    month_days, week_days = set(by_month.values), set(by_week.values)
    return tuple(
        tuple(
            day
            for day in range(1, length + 1)
            # Dapr counts from Sunday, 0; the shapes count from Monday, 0.
            for on_date in [day in month_days]
            for on_weekday in [(first_weekday + day) % DAYS_IN_WEEK in week_days]
            if (on_date and on_weekday if both else on_date or on_weekday)
        )
        for first_weekday, length in SHAPES
    )
