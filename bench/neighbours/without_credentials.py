"""Without credentials: what anyone may ask for, an account's programs included."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import Final
from urllib.parse import quote_plus

from bench.client import request
from bench.hostile.target import Target
from bench.neighbours.operation import HOST, Operation, Surface, in_turn, public

_WORDS: Final = ("job", "run", "call", "account", "time", "key", "request", "wakecall")
"""Words of nearly every page, which a search finds most of."""

_BODY: Final = b"x" * 60_000


def _search(target: Target, number: int) -> Iterator[bytes]:
    """As many frequent words as a query may have, the last of which begins many others."""
    words = [*_WORDS[number % 8 :], *_WORDS[: number % 8]]
    path = f"/docs/search?q={quote_plus(' '.join([*words[:7], 're']))}"
    where = f"{HOST}:{target.port}"
    return cycle([
        request("GET", path, host=where, Accept=accept)
        for accept in ("text/html", "application/json")
    ])  # fmt: skip


def _call_inbox(target: Target, _number: int) -> Iterator[bytes]:
    """Calls of the account's own inbox, which anyone may make who knows its address."""
    return cycle([request("POST", target.facts["inbox_path"], _BODY, host=f"{HOST}:{target.port}")])


_PAGE: Final = "/docs/reference/changelog"
"""The longest page."""

ALL: Final[tuple[Operation, ...]] = (
    *(
        public("front.show", "/", method=each, accept="text/html")
        for each in ("GET", "POST", "PUT", "PATCH", "DELETE")
    ),
    public("docs_site.home", "/docs", accept="text/html"),
    public("docs_site.slash", "/docs/"),
    public("docs_site.page", f"{_PAGE}.md"),
    public("docs_site.image", "/docs/images/{image}"),
    in_turn("GET docs_site.search", _search, Surface.PUBLIC),
    public("docs_site.llms_full", "/llms-full.txt"),
    public("docs_site.llms_index", "/llms.txt"),
    public("process", "/healthz"),
    public("metrics", "/metrics"),
    public("ready", "/readyz?all=true"),
    public("openapi.openapi_json", "/openapi.json"),
    public("openapi.openapi_yaml", "/openapi.yaml"),
    public("openapi.openapi_dapr_json", "/openapi/dapr.json"),
    public("openapi.openapi_dapr_yaml", "/openapi/dapr.yaml"),
    public("openapi.openapi_fusion_json", "/openapi/fusion.json"),
    public("openapi.openapi_fusion_yaml", "/openapi/fusion.yaml"),
    public("references.problem", "/problems/not-found"),
    public("schemas.schema", "/schemas/job.xsd"),
    in_turn("CALL inbox", _call_inbox, Surface.PUBLIC),
)
