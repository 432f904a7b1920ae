"""Headers: what the headers of responses mean, by their names."""

from __future__ import annotations

from typing import Any, Final

from app.api.idempotency import REPLAYED
from app.api.native.routes.jobs_by_name import OUTCOME
from app.api.native.routes.responses import TZDATA
from app.api.openapi.schemas import TEXT, Schema, one_of
from app.service.jobs_by_name import Outcome

_SECONDS: Final[Schema] = {"type": "integer", "minimum": 0}
_COMPONENT: Final = "#/components/headers/"

REQUEST_ID: Final = "X-Request-Id"
OF_ALL: Final = (REQUEST_ID, "RateLimit?", "RateLimit-Policy?", f"{REPLAYED}?")
"""Of every response to a request with a key; the last one of every POST that can be repeated."""

_ABOUT: Final[dict[str, tuple[Schema, str]]] = {
    REQUEST_ID: (
        {"type": "string", "pattern": "^[0-9a-f]{16}$"},
        "Identifies the request in the log of the service.",
    ),
    "RateLimit": (
        TEXT,
        'What is left of the limit: `"requests";r=499;t=1`. Absent if the limit is off.',
    ),
    "RateLimit-Policy": (TEXT, 'The requests that the account may send: `"requests";q=500;w=1`.'),
    REPLAYED: ({"const": "true"}, "The response is that of an earlier, equal request."),
    OUTCOME: (one_of(Outcome), "What the request did, or would do, to the job of that name."),
    TZDATA: (TEXT, "The release of the time zone database, if a job has a time zone."),
    "Location": ({"type": "string", "format": "uri-reference"}, "The path of what was made."),
    "Link": (TEXT, 'The next page, as `<…>; rel="next"`. Without it the page is the last.'),
    "Retry-After": (_SECONDS, "After so many seconds the request may be sent again."),
    "WWW-Authenticate": (TEXT, "The schemes by which a key can be sent."),
    "Accept-Encoding": ({"const": "identity"}, "Bodies are not compressed."),
    "Cache-Control": (TEXT, "How long caches may keep the response."),
    "ETag": (TEXT, "Identifies the content: send it as `If-None-Match`."),
    "Allow": (TEXT, "The methods of the path."),
}


def components() -> dict[str, Any]:
    """The headers that may be there, by name."""
    return {
        name: {"description": about, "schema": schema} for name, (schema, about) in _ABOUT.items()
    }


def of(names: tuple[str, ...]) -> dict[str, Any]:
    """The headers of a response; `?` follows the name of one that it may lack."""
    found: dict[str, Any] = {}
    for each in names:
        name = each.removesuffix("?")
        schema, about = _ABOUT[name]
        found[name] = (
            {"$ref": f"{_COMPONENT}{name}"}
            if each.endswith("?")
            else {"description": about, "required": True, "schema": schema}
        )
    return found
