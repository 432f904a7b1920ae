"""Apps: a Fusion job that is saved under an app has a tag, `app:<app>`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from app.domain.checks import quoted
from app.domain.job import MAX_TAG, MAX_TAGS
from app.errors import InvalidMember

_PREFIX: Final = "app:"
_MAX_NAME: Final = MAX_TAG - len(_PREFIX)
_NAME: Final = re.compile(rf"[A-Za-z0-9_](?:[A-Za-z0-9_. -]{{0,{_MAX_NAME - 2}}}[A-Za-z0-9_.-])?")


def tag(app: str | None) -> str | None:
    """Return the tag of the jobs of an app; None without an app.

    Raises InvalidMember for a text that cannot be the name of an app.
    """
    if app is None:
        return None
    if not _NAME.fullmatch(app):
        raise InvalidMember(
            "app",
            f"{quoted(app)} is not a valid name of an app.",
            remedy=f"Use 1 to {_MAX_NAME} letters, digits, spaces and any of _ - .; begin with a "
            "letter, a digit or _, and do not end with a space.",
        )
    return f"{_PREFIX}{app}"


def belongs(tags: Sequence[str], app: str | None) -> bool:
    """Return whether a job with these tags belongs to the app; always true without an app.

    Raises InvalidMember.
    """
    return app is None or tag(app) in tags


def with_app(tags: Sequence[str], app: str | None) -> tuple[str, ...]:
    """Return the tags of a job after it was saved under the app; raises InvalidMember."""
    wanted = tag(app)
    if wanted is None or wanted in tags:
        return tuple(tags)
    if len(tags) >= MAX_TAGS:
        raise InvalidMember(
            "app",
            f"The job belongs to {len(tags)} apps already.",
            remedy=f"A job belongs to at most {MAX_TAGS} apps: save it under one of these apps.",
        )
    return (*tags, wanted)
