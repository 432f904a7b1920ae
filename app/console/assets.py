"""Assets: style sheets, scripts and icons, under names that contain the hash of their content."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from flask import Flask, Response

from app.api import negotiation, path_prefix, serving
from app.api.parameters import takes
from app.api.scopes import needs_no_key
from app.api.wsgi_bridge import WsgiResponse
from app.console.blueprint import PREFIX, console
from app.errors import NotFound

FOLDER: Final = Path(__file__).with_name("static")
CACHE: Final = "public, max-age=31536000, immutable"
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_HASH_DIGITS: Final = 12
_PATH: Final = f"{PREFIX}/static/"


@dataclass(frozen=True, kw_only=True, slots=True)
class Asset:
    """One static file as it is served."""

    name: str
    """Its name with the hash, as `console.1f0c6a2b9d3e.css`."""
    content: bytes
    compressed: bytes
    """The content, compressed by gzip."""
    content_type: str

    def headers(self, *, compressed: bool) -> list[tuple[str, str]]:
        """Return the header fields with which the file is sent."""
        encoding = [("Content-Encoding", "gzip")] if compressed else []
        return [
            ("Content-Type", self.content_type),
            ("Cache-Control", CACHE),
            ("Vary", "Accept-Encoding"),
            ("X-Content-Type-Options", "nosniff"),
            *encoding,
        ]


def _load(folder: Path) -> dict[str, Asset]:
    """Read all files; by their names in the folder."""
    found = {}
    for path in sorted(folder.iterdir()):
        if path.suffix in _TYPES:
            content = path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()[:_HASH_DIGITS]
            found[path.name] = Asset(
                name=f"{path.stem}.{digest}{path.suffix}",
                content=content,
                compressed=gzip.compress(content, mtime=0),
                content_type=_TYPES[path.suffix],
            )
    return found


BY_FILE: Final = _load(FOLDER)
_FURTHER: Final[dict[str, Asset]] = {}
_SERVED: Final = {each.name: each for each in BY_FILE.values()}


def add(folder: Path) -> None:
    """Serve the files of another folder too, whose names the console does not use."""
    added = _load(folder)
    _FURTHER.update(added)
    _SERVED.update({each.name: each for each in added.values()})


def install(app: Flask) -> None:
    """Give templates `asset`, the URL of a static file, and serve the files without a thread."""
    app.jinja_env.globals["asset"] = url_of
    serving.add_quick(app, answer)


def url_of(file: str) -> str:
    """Return the path at which a file is served. Raises KeyError."""
    asset = BY_FILE.get(file) or _FURTHER[file]
    return path_prefix.add(_PATH + asset.name)


def answer(environ: Mapping[str, Any]) -> WsgiResponse | None:
    """Return the response to a request for a static file; None for any other request."""
    path: str = environ["PATH_INFO"]
    found = _SERVED.get(path.removeprefix(_PATH)) if path.startswith(_PATH) else None
    if found is None or environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
        return None
    compressed = negotiation.accepts_gzip(environ.get("HTTP_ACCEPT_ENCODING", ""))
    body = found.compressed if compressed else found.content
    fields = [*found.headers(compressed=compressed), ("Content-Length", str(len(body)))]
    return WsgiResponse(
        status=200,
        headers=[(name.lower().encode(), value.encode()) for name, value in fields],
        start=b"" if environ["REQUEST_METHOD"] == "HEAD" else body,
        rest=None,
    )


@console.get("/static/<name>")
@needs_no_key
@takes(ignoring=True)
def static(name: str) -> Response:
    """Serve a static file under other servers. Another content has another name."""
    found = _SERVED.get(name)
    if found is None:
        raise NotFound("There is no such file.", remedy="Reload the page that refers to it.")
    response = Response(found.content)
    for field, value in found.headers(compressed=False):
        response.headers[field] = value
    return response
