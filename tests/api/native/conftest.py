"""Requests that book in JSON."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.api.both_ways import Asked
from tests.api.native.plain import PLAIN


@pytest.fixture
def ask(key: str) -> Callable[..., Asked]:
    """Makes a request of account-1: members of the document, and headers."""

    def make(
        document: object = PLAIN,
        *,
        path: str = "/1/jobs",
        body: bytes | None = None,
        **headers: str,
    ) -> Asked:
        content = json.dumps(document).encode() if body is None else body
        fields = {"authorization": f"Bearer {key}", "content_type": "application/json"}
        return Asked(path=path, body=content, headers={**fields, **headers})

    return make
