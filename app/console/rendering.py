"""Rendering: makes a page of a template, with the headers that every page of the console has."""

from __future__ import annotations

import hashlib
import re
from http import HTTPStatus
from typing import Any, Final

from flask import Flask, Response, g, render_template, request

from app.console import elements, navigation, page_context
from app.console.blueprint import PREFIX
from app.console.forms import Form, Problem

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""The content security policy of every page: nothing inline, nothing of other origins."""

FAILURES_S: Final = 60
"""How often a page, hidden or not, asks whether runs have failed."""

SCRIPTS: Final = (
    "page.js",
    "once.js",
    "clock.js",
    "dialogs.js",
    "live.js",
    "choices.js",
    "keys.js",
    "palette.js",
    "neighbours.js",
    "failures.js",
)
"""Our scripts, in the order in which pages load them."""

HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
"""The headers of every page, which set what browsers let it do."""

# What differs between two renderings of the same data: tokens, ids of requests, and how long ago
# something was.
_VOLATILE: Final = re.compile(
    rb'<input type="hidden" name="csrf_token"[^>]*>|<body[^>]*>|<span class="ago">[^<]*</span>'
    rb'|<p class="asof" id="asof">.*|<span data-request="[^<]*</span>'
)
_HTML: Final = "text/html"
_TAG_DIGITS: Final = 24


def install(app: Flask) -> None:
    """Prepare the templates of this application, and mark the responses of the console."""
    elements.install(app)
    app.after_request(_secure)


def page(template: str, *, status: int | None = None, **values: Any) -> Response:  # noqa: ANN401 - whatever the template needs
    """Render a template of the console.

    If a `problem` or a `form` with one is given, the status is the problem's. A GET whose
    `If-None-Match` has the weak ETag of the page gets 304: the ETag leaves out how long ago
    something was, which the page's own script keeps up to date. `job_zone` is the name of the zone
    of the job that the page is about, in which its times are shown if the person chose that.
    """
    problem = values.get("problem") or _problem_in(values)
    if "job_zone" in values:
        g.job_zone = values["job_zone"]
    html = render_template(template, **{**_common(), **values, "problem": problem})
    # JSON that somebody typed may name half of a surrogate pair.
    body = html.encode("utf-8", "replace")
    code = status or (HTTPStatus.OK if problem is None else problem.status)
    response = _protect(Response(body, code, content_type="text/html; charset=utf-8"))
    if code == HTTPStatus.OK and request.method in {"GET", "HEAD"}:
        tag = hashlib.sha256(_VOLATILE.sub(b"", body)).hexdigest()[:_TAG_DIGITS]
        response.set_data(
            body.replace(b'data-tag=""', f'data-tag="W/&quot;{tag}&quot;"'.encode(), 1)
        )
        response.set_etag(tag, weak=True)
        response.make_conditional(request)
    return response


def is_console(path: str) -> bool:
    """Whether a path of a request is one of the console's."""
    return path == PREFIX or path.startswith(f"{PREFIX}/")


def wants_page() -> bool:
    """Whether the client asks for HTML, as browsers do and programs do not."""
    return _HTML in request.headers.get("Accept", "").lower()


def _problem_in(values: dict[str, Any]) -> Problem | None:
    form = values.get("form")
    return form.problem if isinstance(form, Form) else None


def _common() -> dict[str, Any]:
    person = page_context.person()
    return {
        "viewer": person,
        "now": page_context.now(),
        "zone": page_context.zone().key,
        "shown_zone": page_context.shown_zone(),
        "offset_s": page_context.offset_s(),
        "theme": page_context.theme(),
        "request_id": g.get("request_id", ""),
        "navigation": navigation.groups(is_operator=person is not None and person.operator),
        "scripts": SCRIPTS,
        "can_find": navigation.has("/find"),
        "failures_s": FAILURES_S if getattr(person, "account_id", 0) else 0,
    }


def _secure(response: Response) -> Response:
    return _protect(response) if is_console(request.path) else response


def _protect(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response
