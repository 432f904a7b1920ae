"""Context: the resources that every use case gets as an argument, without a web framework."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.config import Settings
from app.domain.firing_load import FiringLoad
from app.domain.run_counts import RunCount
from app.domain.url_rules import UrlRules
from app.service.clock_estimate import ClockEstimate
from app.service.key_cache import KeyCache
from app.service.key_use import KeyUse
from app.service.limit_cache import LimitCache
from app.service.recent import Recent
from app.service.secrets import SecretBox
from app.store.database import Database


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """The settings, the database and the caches of one application; created once, by `create`."""

    settings: Settings
    database: Database
    key_cache: KeyCache
    key_use: KeyUse
    limit_cache: LimitCache
    url_rules: UrlRules
    clock_estimate: ClockEstimate
    recent_counts: Recent[tuple[RunCount, ...]]
    """Counts of a day of runs, which change only when a run that waited long ends."""
    recent_loads: Recent[FiringLoad]
    recent_failures: Recent[tuple[datetime, ...]]
    """When the newest failed runs ended."""

    @property
    def secret_box(self) -> SecretBox:
        """A SecretBox with the keys from the settings; raises Misconfigured."""
        return SecretBox(self.settings.secret_keys)


def create(settings: Settings, database: Database) -> Context:
    """Create the context of an application, with empty caches."""
    return Context(
        settings=settings,
        database=database,
        key_cache=KeyCache(),
        key_use=KeyUse(),
        limit_cache=LimitCache(settings.limits),
        url_rules=UrlRules(
            allow=settings.allow_targets,
            deny=settings.deny_targets,
            inboxes=settings.inbox_address,
        ),
        clock_estimate=ClockEstimate(),
        recent_counts=Recent(timedelta(minutes=1)),
        recent_loads=Recent(timedelta(seconds=15)),
        recent_failures=Recent(timedelta(seconds=20)),
    )
