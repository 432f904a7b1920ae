"""Job filter: the jobs that the query of a list selects."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from app.domain.booking import check_tag
from app.domain.checks import quoted
from app.domain.job import MAX_NAME, MAX_TAGS, Dialect
from app.domain.job_filter import JobFilter, JobKind
from app.errors import InvalidMember

TAG: Final = "tag"
"""May be given any number of times."""

NAME_PREFIX: Final = "namePrefix"
DIALECT: Final = "dialect"
ENDPOINT: Final = "endpoint"
HOST: Final = "host"
KIND: Final = "kind"
PARAMETERS: Final = (NAME_PREFIX, DIALECT, ENDPOINT, HOST, KIND)
"""May be given at most once each."""

ENABLED: Final = "enabled"
FAILING: Final = "failing"
OF_JOBS: Final = (ENABLED, FAILING, *PARAMETERS)
"""The parameters of lists that show paused jobs too."""

_FLAGS: Final = {"true": True, "false": False}
_ONLY: Final = {"true": True}
_KINDS: Final = {str(each): each for each in JobKind}
_DIALECTS: Final = {str(each): each for each in Dialect}
_MAX_ENDPOINT: Final = 256
_T = TypeVar("_T")
_HOST: Final = re.compile(r"\[[0-9A-Fa-f:.]{2,45}\]|[^\s/?#:@\[\]\x00-\x20]{1,253}")


def parse(tags: Sequence[str], given: Mapping[str, str]) -> JobFilter:
    """The filter; `given` has the texts of PARAMETERS or OF_JOBS. Raises InvalidMember."""
    endpoint, host = given.get(ENDPOINT), given.get(HOST)
    if endpoint is not None and host is not None:
        raise InvalidMember(
            HOST,
            "host and endpoint are both given, but a job with an endpoint has no host.",
            remedy="Give one of the two.",
        )
    return JobFilter(
        tags=parse_tags(tags),
        name_prefix=_text(NAME_PREFIX, given.get(NAME_PREFIX), MAX_NAME),
        dialect=parse_choice(DIALECT, given.get(DIALECT), _DIALECTS),
        endpoint=_text(ENDPOINT, endpoint, _MAX_ENDPOINT),
        host=None if host is None else parse_host(host),
        kind=parse_choice(KIND, given.get(KIND), _KINDS),
        enabled=parse_choice(ENABLED, given.get(ENABLED), _FLAGS),
        failing=parse_choice(FAILING, given.get(FAILING), _ONLY) or False,
    )


def parse_tags(given: Sequence[str]) -> tuple[str, ...]:
    """The tags of a query, each once; raises InvalidMember."""
    tags = tuple(dict.fromkeys(given))
    for tag in tags:
        check_tag(TAG, tag)
    if len(tags) > MAX_TAGS:
        raise InvalidMember(
            TAG,
            f"The query has {len(tags)} tags, but a job has at most {MAX_TAGS}.",
            remedy=f"Give at most {MAX_TAGS} tags.",
        )
    return tags


def parse_choice(name: str, text: str | None, choices: Mapping[str, _T]) -> _T | None:
    """The value that `text` chooses, None if there is no text; raises InvalidMember."""
    if text is None:
        return None
    if text not in choices:
        raise InvalidMember(
            name,
            f"{name} is {quoted(text)}, which is not one of its values.",
            remedy=f"Give one of: {', '.join(choices)}.",
        )
    return choices[text]


def _text(name: str, text: str | None, most: int) -> str | None:
    """A text that some job may have; PostgreSQL cannot store NUL."""
    if text is not None and not (0 < len(text) <= most and "\0" not in text):
        raise InvalidMember(
            name,
            f"{name} is empty, has more than {most} characters, or has the character NUL.",
            remedy=f"Give 1 to {most} characters, or omit {name}.",
        )
    return text


def parse_host(text: str) -> str:
    """The host of a URL in lower case; raises InvalidMember."""
    if not _HOST.fullmatch(text):
        raise InvalidMember(
            HOST,
            f"{quoted(text)} is not a host.",
            remedy="Give the host of a URL without its port, as in example.com or [2001:db8::1].",
        )
    return text.lower()
