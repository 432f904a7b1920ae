"""Documents: native jobs that clients may send, and how each is shown."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st

CRONS: Final = {
    "0 0 0 1 1 ? 2090": "2090-01-01T00:00:00Z",
    "0 0/10 6 29 2 ? 2092": "2092-02-29T06:00:00Z",
}
"""Expressions, each with its first firing."""

WHENS: Final = {
    "2040-01-01T00:00:00Z": "2040-01-01T00:00:00Z",
    "2041-06-01T02:00:00+02:00": "2041-06-01T00:00:00Z",
    "2042-01-01T00:00:00.5": "2042-01-01T00:00:00.5Z",
}
"""Instants as they are sent, each as it is shown."""

NAMES: Final = ("nightly", "weekly report", "a/b", "über 100%")
TAGS: Final = ("billing", "urgent", "ü")

Document = dict[str, Any]


def _tags() -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(TAGS), unique=True, max_size=3)


_OPTIONAL: Final[dict[str, st.SearchStrategy[Any]]] = {
    "name": st.sampled_from(NAMES),
    "tags": _tags(),
    "data": st.sampled_from(["one", "zwei €", " {} \n", "\x00"]),
    "contentType": st.just("text/plain"),
    "signature": st.sampled_from(["sha256=abc", None]),
    "enabled": st.booleans(),
    "method": st.sampled_from(["PUT", "PATCH"]),
    "headers": st.sampled_from([{"X-A": "1", "X-B": "2"}, {"X-B": "2", "X-A": "1"}]),
    "timeout": st.sampled_from([5, 2.5]),
    "retry": st.sampled_from([{"maxAttempts": 2}, {"schedule": [1, 60]}]),
    "misfire": st.sampled_from(["all", "one"]),
    "onFailure": st.just("https://example.com/failed"),
}


def documents() -> st.SearchStrategy[Document]:
    """Documents of jobs that may be booked at any time."""
    url = st.sampled_from(["https://example.com/wake", "http://127.0.0.1:2222/call?a=1"])
    timing = st.sampled_from(
        [*({"cron": each} for each in CRONS), *({"when": each} for each in WHENS)]
    )
    return st.builds(
        lambda required, optional, when: {**required, **when, **optional},
        st.fixed_dictionaries({"url": url}),
        st.fixed_dictionaries({}, optional=_OPTIONAL),
        timing,
    )


def shown(document: Document) -> Document:
    """The members that a job has which was booked from the document."""
    members = {name: value for name, value in document.items() if value not in (None, [])}
    if "when" in members:
        members["when"] = WHENS.get(members["when"], members["when"])
    if members.get("enabled") is True:
        del members["enabled"]
    return members


def equals(members: Document, others: Document) -> bool:
    """Whether two jobs are equal, with their headers in order."""
    order = [list(each.get("headers", {})) for each in (members, others)]
    return members == others and order[0] == order[1]


def next_of(members: Document) -> str | None:
    """The next firing of a job that recurs and is not paused."""
    cron = members.get("cron")
    return None if cron is None or members.get("enabled") is False else CRONS[cron]
