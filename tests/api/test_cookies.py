"""Cookies that another application on the same host has set do not keep a person from a page."""

from __future__ import annotations

import pytest
from flask import Flask
from werkzeug.http import parse_cookie

from app.api import wsgi_bridge
from tests.api.conftest import app, environ, make_app
from tests.api.exchange import Message, scope_of

__all__ = ["app", "environ", "make_app"]


def scope(path: bytes, cookies: bytes) -> Message:
    found = scope_of("GET")
    found |= {"raw_path": path, "query_string": b"", "headers": [(b"host", b"localhost")]}
    found["headers"].append((b"cookie", cookies))
    return found


@pytest.mark.parametrize("path", [b"/docs", b"/console/login"])
def test_a_cookie_that_is_not_utf_8_is_left_out(app: Flask, path: bytes) -> None:
    environ = wsgi_bridge.build_environ(scope(path, b"other=\xbd; wakecall_theme=dark; \xff"))
    answer = wsgi_bridge.run(app, environ)
    assert answer.status == 200
    assert b'data-theme="dark"' in answer.start


def test_cookies_in_utf_8_are_read() -> None:
    environ = wsgi_bridge.build_environ(scope(b"/", "a=\xe9; b=c".encode()))
    assert parse_cookie(environ).to_dict() == {"a": "\xe9", "b": "c"}
