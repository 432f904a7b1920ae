"""Routes of the descriptions: each as JSON and as YAML, made once by a process."""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import orjson
import yaml
from flask import Blueprint, Flask, Response, current_app, request

from app.api import caching, negotiation, path_prefix
from app.api.openapi.assemble import Description, document
from app.api.openapi.dapr import description as dapr
from app.api.openapi.fusion import description as fusion
from app.api.openapi.native import description as native
from app.api.parameters import takes
from app.api.scopes import needs_no_key

Describe = Callable[[str], Description]
"""Describes an API below a prefix."""

DESCRIPTIONS: Final[Mapping[str, Describe]] = {
    "/openapi": native.describe,
    "/openapi/dapr": dapr.describe,
    "/openapi/fusion": fusion.describe,
}
"""What is offered, by the path without its extension."""

openapi: Final = Blueprint("openapi", __name__)

YAML: Final = "application/yaml"
"""RFC 9512."""

_EXTENSION: Final = "wakecall.openapi"
_WIDTH: Final = 120


@dataclass(frozen=True, kw_only=True, slots=True)
class _Written:
    """A description in one format."""

    content: bytes
    compressed: bytes
    """The content, compressed by gzip."""
    etag: str
    media_type: str


class _Descriptions:
    """What one application has written; its prefix, and so its documents, never change."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._written: dict[tuple[str, str], _Written] = {}

    def get(self, name: str, media_type: str, describe: Describe) -> _Written:
        """Return the description in this format. One thread makes it, for all that wait."""
        with self._lock:
            found = self._written.get((name, media_type))
            if found is None:
                found = _write(document(describe(path_prefix.add(""))), media_type)
                self._written[name, media_type] = found
            return found


class _Dumper(yaml.CSafeDumper):
    """Writes equal values wherever they are, since aliases make a document hard to read."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401, ARG002 - as PyYAML has it
        """Return whether to write the value again."""
        return True


def install(app: Flask) -> None:
    """Offer the descriptions in this application."""
    app.extensions[_EXTENSION] = _Descriptions()
    app.register_blueprint(openapi)


def _offer(path: str, describe: Describe) -> None:
    """Offer a description in both formats."""
    for extension, media_type in ((".json", negotiation.JSON), (".yaml", YAML)):
        view = partial(_respond, path, media_type, describe)
        openapi.add_url_rule(
            f"{path}{extension}",
            endpoint=f"{path.strip('/').replace('/', '_')}_{extension[1:]}",
            view_func=needs_no_key(takes(ignoring=True)(view)),
            methods=["GET"],
        )


def _respond(name: str, media_type: str, describe: Describe) -> Response:
    descriptions: _Descriptions = current_app.extensions[_EXTENSION]
    found = descriptions.get(name, media_type, describe)
    compressed = negotiation.accepts_gzip(request.headers.get("Accept-Encoding", ""))
    response = Response(
        found.compressed if compressed else found.content, content_type=found.media_type
    )
    if compressed:
        response.content_encoding = "gzip"
    response.vary.add("Accept-Encoding")
    # Two representations of one description have two entity tags (RFC 9110, 8.8.3.3).
    response.set_etag(f"{found.etag}-gzip" if compressed else found.etag)
    caching.public(response).make_conditional(request)
    return response


def _write(described: dict[str, Any], media_type: str) -> _Written:
    if media_type == negotiation.JSON:
        content = orjson.dumps(described)
    else:
        text = yaml.dump(
            described, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH
        )
        content = text.encode()
    return _Written(
        content=content,
        compressed=gzip.compress(content, mtime=0),
        etag=hashlib.sha256(content).hexdigest()[:32],
        media_type=media_type,
    )


for _path, _describe in DESCRIPTIONS.items():
    _offer(_path, _describe)
