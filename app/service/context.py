"""Context: what every use case is given by its caller, so that it runs without a web framework."""

from __future__ import annotations

from dataclasses import dataclass

from app.config import Settings
from app.service.key_cache import KeyCache
from app.service.limit_cache import LimitCache
from app.service.secrets import SecretBox
from app.store.database import Database


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """The settings, the database and the caches of one application; made once, by `create`."""

    settings: Settings
    database: Database
    key_cache: KeyCache
    limit_cache: LimitCache

    @property
    def secret_box(self) -> SecretBox:
        """The box that seals with the keys of the settings; raises Misconfigured."""
        return SecretBox(self.settings.secret_keys)


def create(settings: Settings, database: Database) -> Context:
    """The context of an application, with empty caches."""
    return Context(
        settings=settings,
        database=database,
        key_cache=KeyCache(),
        limit_cache=LimitCache(settings.limits),
    )
