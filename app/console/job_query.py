"""Job query: the filters of the list of jobs, read as the API reads them, and links to pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from werkzeug.datastructures import MultiDict

from app.api.native.documents import job_filter, list_cursor
from app.domain.job_filter import JobFilter, JobPosition, JobSort

SORT: Final = "sort"
CURSOR: Final = "cursor"
TAG: Final = job_filter.TAG
FILTERS: Final = job_filter.OF_JOBS
_SORTS: Final = {str(each): each for each in JobSort}
_PATH: Final = "/console/jobs"


@dataclass(frozen=True, kw_only=True, slots=True)
class JobQuery:
    """Which jobs a page lists, in which order."""

    wanted: JobFilter
    sort: JobSort
    given: Mapping[str, str]
    """The parameters as they were sent, without the cursor and without tags."""
    tags: tuple[str, ...]
    cursor: str

    @property
    def is_filtered(self) -> bool:
        """Whether some jobs are left out."""
        return not self.wanted.is_open

    def value(self, name: str) -> str:
        """Return a parameter as it was sent; empty if it was not."""
        return self.given.get(name, "")

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The parameters of this list, without the cursor."""
        return [*self.given.items(), *((TAG, each) for each in self.tags)]

    def url(self, **changes: str) -> str:
        """Return the query of the list with changed parameters; an empty text removes one."""
        kept = {name: value for name, value in self.given.items() if name not in changes}
        kept |= {name: value for name, value in changes.items() if value}
        pairs = [*kept.items(), *((TAG, each) for each in self.tags)]
        return f"?{urlencode(pairs)}" if pairs else "?"

    def position(self, account_id: int) -> JobPosition | None:
        """Return the position after which the page begins. Raises InvalidMember."""
        if not self.cursor:
            return None
        return list_cursor.read_job(self._scope(account_id), self.cursor, self.sort)

    def after(self, account_id: int, position: JobPosition) -> str:
        """Return the query of the page that begins after a position."""
        return self.url(cursor=list_cursor.write_job(self._scope(account_id), position))

    def _scope(self, account_id: int) -> Sequence[str]:
        return [str(account_id), _PATH, *(f"{name}={value}" for name, value in sorted(self.pairs))]


def read(sent: MultiDict[str, str]) -> JobQuery:
    """Return the query of a request. An empty field counts as absent. Raises InvalidMember."""
    given = {name: sent[name] for name in (SORT, *FILTERS) if sent.get(name)}
    tags = [each for each in sent.getlist(TAG) if each]
    chosen = job_filter.parse_choice(SORT, given.get(SORT), _SORTS)
    return JobQuery(
        wanted=job_filter.parse(tags, given),
        sort=chosen or JobSort.NEWEST,
        given=given,
        tags=tuple(tags),
        cursor=sent.get(CURSOR, ""),
    )
