"""New job: what is booked, as a program writes it."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict

from wakecall._core.requests import JSON, camel, instant, to_json
from wakecall.models import Method, Misfire, OnGap, OnOverlap, RetryPolicy
from wakecall.spans import to_seconds, to_span


class JobContent(TypedDict, total=False):
    """The members of a job besides URL and name, as keyword arguments. None counts as absent."""

    when: datetime | str | None
    """The instant of a job that fires once: an aware datetime, one without an offset together with
    `timezone`, or ISO 8601."""

    after: timedelta | str | float | None
    """In place of `when`, the time from now: a timedelta, a text such as `10m`, or seconds."""

    cron: str | None
    """The expression of a recurring job: Quartz's six or seven fields, or crontab's five."""

    timezone: str | None
    """The IANA time zone of `cron`, or of a `when` without an offset."""

    on_gap: OnGap | None
    on_overlap: OnOverlap | None
    data: bytes | str | None
    """The payload."""

    json: Any
    """In place of `data`, a value to be sent as JSON, with the content type of JSON."""

    content_type: str | None
    signature: str | None
    """Sent unchanged as `X-Content-Signature`."""

    enabled: bool | None
    """False books a paused job."""

    tags: Sequence[str] | None
    method: Method | None
    headers: Mapping[str, str] | None
    timeout: timedelta | float | None
    """The time limit of a whole call; a number is in seconds."""

    retry: RetryPolicy | Mapping[str, Any] | None
    """How a run is tried again; a mapping has the members of the API's document."""

    misfire: Misfire | None
    misfire_window: timedelta | float | None
    on_success: str | None
    """The URL that receives an event when a run succeeds."""

    on_failure: str | None
    """The URL that receives an event when a run fails for good."""


class JobOptions(JobContent, total=False):
    """The members of a job besides its URL, as keyword arguments. None counts as absent."""

    name: str | None
    """A name, unique in the account."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NewJob:
    """A job to be booked. The members are those of JobOptions, which describes them."""

    url: str
    when: datetime | str | None = None
    after: timedelta | str | float | None = None
    cron: str | None = None
    timezone: str | None = None
    on_gap: OnGap | None = None
    on_overlap: OnOverlap | None = None
    data: bytes | str | None = None
    json: Any = None
    content_type: str | None = None
    signature: str | None = None
    enabled: bool | None = True
    name: str | None = None
    tags: Sequence[str] | None = ()
    method: Method | None = None
    headers: Mapping[str, str] | None = field(default=None, hash=False)
    timeout: timedelta | float | None = None
    retry: RetryPolicy | Mapping[str, Any] | None = None
    misfire: Misfire | None = None
    misfire_window: timedelta | float | None = None
    on_success: str | None = None
    on_failure: str | None = None

    def to_document(self, now: datetime | None = None) -> dict[str, Any]:
        """The document of the job; `after` counts from `now`.

        Raises ValueError for members that contradict each other, or lead beyond the year 9999.
        """
        return _without_none(
            url=self.url,
            signature=self.signature,
            **self._payload(),
            when=self._when(now),
            cron=self.cron,
            timezone=self.timezone,
            on_gap=self.on_gap,
            on_overlap=self.on_overlap,
            enabled=False if self.enabled is False else None,
            name=self.name,
            tags=([self.tags] if isinstance(self.tags, str) else list(self.tags or ())) or None,
            method=self.method,
            headers=dict(self.headers) if self.headers else None,
            timeout=_seconds(self.timeout),
            retry=self._retry(),
            misfire=self.misfire,
            misfire_window=_seconds(self.misfire_window),
            on_success=self.on_success,
            on_failure=self.on_failure,
        )

    def _when(self, now: datetime | None) -> str | None:
        if self.after is not None:
            if self.when is not None:
                raise ValueError("when and after exclude each other.")
            try:
                return instant((now or datetime.now(UTC)) + to_span(self.after))
            except OverflowError:
                raise ValueError("after leads beyond the year 9999.") from None
        if isinstance(self.when, datetime) and self.when.tzinfo is None and self.timezone is None:
            raise ValueError(
                "when has no offset: give an aware datetime, as in datetime.now(UTC), or timezone "
                "as well."
            )
        return None if self.when is None else instant(self.when, is_local=True)

    def _payload(self) -> dict[str, str | None]:
        if self.json is not None:
            if self.data is not None:
                raise ValueError("data and json exclude each other.")
            text = to_json(self.json).decode()
            return {"content_type": self.content_type or JSON, "data": text}
        if not isinstance(self.data, bytes):
            return {"content_type": self.content_type, "data": self.data}
        try:
            return {"content_type": self.content_type, "data": self.data.decode()}
        except UnicodeDecodeError:
            encoded = base64.b64encode(self.data).decode()
            return {
                "content_type": self.content_type,
                "data": encoded,
                "data_encoding": "base64",
            }

    def _retry(self) -> Mapping[str, Any] | None:
        return self.retry.to_document() if isinstance(self.retry, RetryPolicy) else self.retry


def _seconds(span: timedelta | float | None) -> int | float | None:
    return None if span is None else to_seconds(span)


def _without_none(**members: object) -> dict[str, Any]:
    return {camel(name): value for name, value in members.items() if value is not None}
