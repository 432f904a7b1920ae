"""Elements: the functions that templates call, beside the macros in templates/macros."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from flask import Flask, current_app, g, get_flashed_messages, request, url_for
from jinja2 import StrictUndefined
from markupsafe import Markup

from app.api import path_prefix
from app.api.browsers import SAFE_METHODS
from app.api.context import current_context
from app.console import csrf as csrf_tokens
from app.console import curl, page_context, times
from app.console.blueprint import PREFIX
from app.console.forms import Form

DOCS: Final = "/docs"
"""The path of the documentation."""


def install(app: Flask) -> None:
    """Give these functions to the templates of this application."""
    environment = app.jinja_env
    environment.undefined = StrictUndefined
    environment.trim_blocks = environment.lstrip_blocks = True
    environment.globals |= {
        "accounts": lambda: g.get("viewer_accounts", ()),
        "ago": ago,
        "csrf": csrf,
        "docs": lambda: path_prefix.add(DOCS),
        "csrf_value": _csrf_value,
        "curl": _curl,
        "duration_ms": times.milliseconds,
        "here": here,
        "no_form": Form(),
        "notices": _notices,
        "stamp": stamp,
        "to": to,
        "url_for": _url_for,
        "when": when,
        "zones": page_context.zones,
    }


def when(instant: datetime, zone: str | None = None, *, relative: bool = True) -> Markup:
    """Return an instant as `<time>`: in `zone` or else the page's, and how far off it is."""
    known = ZoneInfo(zone) if zone else page_context.zone()
    text = times.absolute(instant, known, now=page_context.now(), hours=page_context.hours())
    made = Markup('<time datetime="{0}" title="{0} · {1}">{2}</time>').format(
        times.iso(instant), known.key, text
    )
    return made + Markup(" ") + ago(instant) if relative else made


def ago(instant: datetime) -> Markup:
    """Return how far off an instant is: `in 5 s`, which the page's script keeps up to date."""
    return Markup('<time datetime="{}" class="off"><span class="ago">{}</span></time>').format(
        times.iso(instant), times.relative(instant, page_context.now())
    )


def stamp() -> Markup:
    """Return the time of the page's data, whose age the page's script keeps up to date."""
    local = page_context.now().astimezone(page_context.zone())
    text = f"{times.clock(local, hours=page_context.hours())} {times.offset(local)}"
    return Markup('<time id="stamp" datetime="{}">{}</time>').format(times.iso(local), text)


def to(path: str) -> str:
    """Return a path of the console, as `jobs`, as the browser sees it."""
    return path_prefix.add(f"{PREFIX}/{path.lstrip('/')}")


def here() -> str:
    """Return the path and query of this page, without the prefix of a proxy.

    The answer to a form has an address that cannot be opened: then those of the form's page, as the
    browser names it.
    """
    if request.method in SAFE_METHODS:
        return request.full_path.rstrip("?")
    try:
        before = urlsplit(request.referrer or "")
    except ValueError:
        return ""
    path = before.path.removeprefix(path_prefix.add(""))
    return f"{path}?{before.query}" if before.query else path


def base_url() -> str:
    """Return the URL of the service for commands and programs, without a slash at its end.

    Behind a proxy that ends TLS the request came by plain http, over which no key may be sent: so
    it is the URL that the operator configured, if there is one.
    """
    settings = current_context().settings
    if settings.public_url is not None:
        return settings.base_url
    return request.host_url.rstrip("/") + path_prefix.add("")


def csrf() -> Markup:
    """Return the hidden field without which a form is refused."""
    return Markup('<input type="hidden" name="csrf_token" value="{}">').format(_csrf_value())


def _csrf_value() -> str:
    if "csrf_token" not in current_app.jinja_env.globals:
        return ""
    return csrf_tokens.token(getattr(page_context.person(), "account_id", 0))


def _url_for(endpoint: str, **values: Any) -> str:  # noqa: ANN401 - as of Flask
    return path_prefix.add(url_for(endpoint, **values))


def _curl(method: str, path: str, body: Mapping[str, Any] | str | None = None) -> str:
    """Return the command of a request to `path` of the API, without the prefix of a proxy."""
    return curl.command(base_url(), method, path, body)


def _notices() -> Sequence[str]:
    """Return the notices about the request before this one."""
    return [str(each) for each in get_flashed_messages()] if current_app.secret_key else []
