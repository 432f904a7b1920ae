"""Preferences: how pages address a user and show times, as the user chooses."""

from __future__ import annotations

from app.domain import zones
from app.domain.user import HOURS, MAX_NAME, THEMES, SignedIn
from app.errors import InvalidMember
from app.service.context import Context
from app.store import users


def change(
    context: Context, signed_in: SignedIn, *, name: str, zone: str, hours: str, theme: str
) -> None:
    """Store the preferences of a user, as a form has them. Raises InvalidMember."""
    name = name.strip()
    if len(name) > MAX_NAME or not name.isprintable():
        raise InvalidMember(
            "name",
            "The name is too long or contains unprintable characters.",
            remedy=f"Use at most {MAX_NAME} printable characters.",
        )
    found = zones.find(zone.strip())
    if hours not in {str(each) for each in HOURS}:
        raise InvalidMember("hours", "The time format is unknown.", remedy="Choose 24 or 12.")
    if theme not in THEMES:
        raise InvalidMember(
            "theme", "The theme is unknown.", remedy=f"Choose one of: {', '.join(THEMES)}."
        )
    with context.database.transaction() as connection:
        users.set_preferences(
            connection, signed_in.user.id, name=name, zone=found.name, hours=int(hours), theme=theme
        )
