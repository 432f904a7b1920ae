"""Apps: which jobs were saved under which of Fusion's apps; each is a tag of the job."""

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
    """The tag that jobs of the app bear; None where no app is named.

    Raises InvalidMember for what is no name of an app.
    """
    if app is None:
        return None
    if not _NAME.fullmatch(app):
        raise InvalidMember(
            "app",
            f"{quoted(app)} is no name of an app.",
            remedy=f"Use 1 to {_MAX_NAME} letters, digits, spaces and any of _ - . in it.",
        )
    return f"{_PREFIX}{app}"


def belongs(tags: Sequence[str], app: str | None) -> bool:
    """Whether a job with these tags belongs to the app; to no app in particular, always.

    Raises InvalidMember.
    """
    return app is None or tag(app) in tags


def with_app(tags: Sequence[str], app: str | None) -> tuple[str, ...]:
    """The tags of a job that is saved under the app as well; raises InvalidMember."""
    wanted = tag(app)
    if wanted is None or wanted in tags:
        return tuple(tags)
    if len(tags) >= MAX_TAGS:
        raise InvalidMember(
            "app",
            f"The job belongs to {len(tags)} apps already.",
            remedy=f"Let it belong to {MAX_TAGS} at most.",
        )
    return (*tags, wanted)
