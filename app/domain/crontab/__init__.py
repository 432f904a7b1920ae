"""Crontab: expressions of five fields, or such as `@daily`, as crontab(5) of cronie has them.

`parse` reads an expression strictly, into a schedule that `app.domain.quartz` evaluates.
`describe_days`, `warn_of_days` and `summarize` are for people. `split` divides a line of a crontab
into its schedule and its command.
"""

from app.domain.crontab.line import split
from app.domain.crontab.meaning import describe_days, summarize, warn_of_days
from app.domain.crontab.reader import is_crontab, parse

__all__ = ["describe_days", "is_crontab", "parse", "split", "summarize", "warn_of_days"]
