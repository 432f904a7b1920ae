"""Assets: style sheets, scripts and icons, under names that contain the hash of their content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flask import Flask, Response

from app.api import path_prefix
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Asset:
    """One static file as it is served."""

    name: str
    """Its name with the hash, as `console.1f0c6a2b9d3e.css`."""
    content: bytes
    content_type: str


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
                content_type=_TYPES[path.suffix],
            )
    return found


BY_FILE: Final = _load(FOLDER)
_SERVED: Final = {each.name: each for each in BY_FILE.values()}


def install(app: Flask) -> None:
    """Give templates `asset`, the URL of a static file."""
    app.jinja_env.globals["asset"] = url_of


def url_of(file: str) -> str:
    """Return the path at which a file of the folder is served. Raises KeyError."""
    return path_prefix.add(f"{PREFIX}/static/{BY_FILE[file].name}")


@console.get("/static/<name>")
def static(name: str) -> Response:
    """Serve a static file. Browsers keep it for a year, as another content has another name."""
    found = _SERVED.get(name)
    if found is None:
        raise NotFound("There is no such file.", remedy="Reload the page that refers to it.")
    response = Response(found.content, content_type=found.content_type)
    response.headers["Cache-Control"] = CACHE
    return response
