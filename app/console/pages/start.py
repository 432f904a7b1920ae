"""First call: from the new key to a verified call in the account's inbox, within a minute."""

from __future__ import annotations

from typing import Final

from flask import redirect
from flask.typing import ResponseReturnValue

from app.api.context import current_context
from app.api.parameters import takes
from app.console import cookies, elements, new_keys, payloads
from app.console.access import needs, viewer
from app.console.blueprint import PREFIX, console
from app.console.forms import SHOWN, Problem, problem_of
from app.console.rendering import page
from app.console.verifiers import VERIFIERS
from app.domain.role import Role
from app.errors import NotFound
from app.service import first_call as service
from app.service import inboxes

_YEAR_S: Final = 365 * 86_400
_POLL_S: Final = 1
_SLOW_POLL_S: Final = 5
"""Seconds between two looks, and after the call has come."""

_BODY: Final = 200
"""Bytes of the body of the call that are shown."""

_SEE_OTHER: Final = 303
_KEY: Final = "$WAKECALL_KEY"


@console.get("/start")
@needs(Role.READER)
@takes()
def start() -> ResponseReturnValue:
    """Show the steps to the first call, and which are done."""
    return _show()


@console.post("/start/call")
@needs(Role.MEMBER)
@takes()
def book_first_call() -> ResponseReturnValue:
    """Book the first call, and create an inbox if there is none."""
    try:
        try:
            service.book(current_context(), viewer().caller)
        except NotFound:
            inboxes.create_for(current_context(), viewer().caller)
            service.book(current_context(), viewer().caller)
    except SHOWN as error:
        return _show(problem_of(error))
    return redirect(f"{PREFIX}/start", _SEE_OTHER)


@console.post("/start/done")
@needs(Role.READER)
@takes()
def dismiss_start() -> ResponseReturnValue:
    """Take the page out of the navigation of this browser, and the key out of its cookie."""
    response = redirect(f"{PREFIX}/", _SEE_OTHER)
    cookies.write(response, cookies.START_DISMISSED, "yes", max_age=_YEAR_S)  # type: ignore[arg-type] # Werkzeug's is Flask's
    return new_keys.forget(response)  # type: ignore[arg-type] # the same


def _show(problem: Problem | None = None) -> ResponseReturnValue:
    found = service.find(current_context(), viewer().caller)
    key = new_keys.read(viewer().account_id)
    polls = _SLOW_POLL_S if found.call else _POLL_S
    return page(
        "start.html",
        live=0 if problem else polls,
        problem=problem,
        found=found,
        key=key,
        command=_command(elements.base_url(), key or _KEY, found.url),
        body=_beginning(found.call.received.body) if found.call else "",
        verifiers=VERIFIERS,
        may_change=viewer().may_change,
        may_manage=viewer().may_manage,
        ahead_s=service.AHEAD_S,
    )


def _beginning(body: bytes) -> str:
    return payloads.shown(body[:_BODY], is_beginning=len(body) > _BODY).text


def _command(base: str, key: str, target: str) -> str:
    """Return a command that books a call a few seconds after it is pasted.

    GNU and BusyBox date take `-d @SECONDS`, BSD's (macOS) takes `-v`.
    """
    ahead = service.AHEAD_S
    when = (
        f"date -u -d @$(($(date +%s) + {ahead})) +%FT%TZ 2>/dev/null || date -u -v+{ahead}S +%FT%TZ"
    )
    return (
        f"curl -sS '{base}/1/jobs' -H \"Authorization: Bearer {key}\" \\\n"
        "  -H 'Content-Type: application/json' \\\n"
        f"""  -d '{{"url": "{target}", "data": "{service.PAYLOAD}", "when": "'"$({when})"'"}}'"""
    )
