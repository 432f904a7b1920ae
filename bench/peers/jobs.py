"""Jobs: the same for every peer. Standard library only: peers' own environments import this."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

DUE: Final = "Wakecall-Scheduled-For"
RUN: Final = "webhook-id"
"""The fields by which the receiver tells when a call was due, and which one it is."""
URL: Final = "PEER_URL"
"""The variable that tells a peer's program where its jobs are kept."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One call to be made: what, where to, and when."""

    id: str
    due: datetime
    url: str
    body: str

    @property
    def due_text(self) -> str:
        """The instant in ISO 8601, in milliseconds."""
        return self.due.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def headers(self) -> dict[str, str]:
        """What a handler sends along."""
        return {"Content-Type": "application/json", DUE: self.due_text, RUN: self.id}


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """`count` jobs, at one instant or `per_s` a second from then on; the first in epoch ms.

    Instants are whole milliseconds, the finest that every peer knows.
    """

    label: str
    count: int
    first_ms: int
    per_s: float
    addresses: tuple[str, ...]
    port: int
    size: int

    @property
    def first(self) -> datetime:
        """When the first is due."""
        return _instant(self.first_ms)

    @property
    def last(self) -> datetime:
        """When the last is due."""
        return _instant(self._due_ms(self.count - 1))

    def jobs(self) -> list[Job]:
        """All of them, in the order in which they are due, at the addresses in turn."""
        return [
            Job(
                id=f"{self.label}-{n}",
                due=_instant(self._due_ms(n)),
                url=f"http://{self.addresses[n % len(self.addresses)]}:{self.port}/wake",
                body=_body(n, self.size),
            )
            for n in range(self.count)
        ]

    def text(self) -> str:
        """As one line, for another process."""
        return json.dumps(asdict(self))

    def _due_ms(self, n: int) -> int:
        return self.first_ms + (round(n * 1000 / self.per_s) if self.per_s else 0)


def parse(text: str) -> Batch:
    """What `text` holds."""
    found = json.loads(text)
    return Batch(**{**found, "addresses": tuple(found["addresses"])})


def _instant(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)


def _body(n: int, size: int) -> str:
    head = f'{{"order": {n}, "text": "'
    return head + ("wake up " * size)[: size - 2 - len(head)] + '"}'
