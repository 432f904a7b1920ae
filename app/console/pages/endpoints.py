"""Endpoint pages: the Dapr apps and Fusion runners of the account, to which its jobs are sent."""

from __future__ import annotations

from typing import Final

from flask import Response, flash, request
from flask.typing import ResponseReturnValue

from app.api.context import current_context
from app.api.parameters import takes
from app.console import attempts, used_endpoints
from app.console.access import needs, viewer
from app.console.blueprint import PREFIX, console
from app.console.elements import to
from app.console.forms import SHOWN, Form, refused
from app.console.rendering import page
from app.domain.endpoint import AppProtocol
from app.domain.role import Role
from app.errors import InvalidMember, NotFound
from app.service import endpoint_tests
from app.service.dapr import apps
from app.service.fusion import runners

_ENDPOINTS: Final = f"{PREFIX}/endpoints"
_SEE_OTHER: Final = 303
_CURSOR: Final = "cursor"
_ROWS: Final = 40
_KEEP: Final = "keep"
_APP_FIELDS: Final = {"id": "app", "hasToken": "token"}
_RUNNER_FIELDS: Final = {"type": "runner", "url": "runner_url"}
_TEST_FIELDS: Final = {"url": "", "id": ""}
"""Members of errors that no field of the page stands for."""

_APP: Final = "app"
_RUNNER: Final = "runner"


@console.get("/endpoints")
@needs(Role.READER)
@takes(_CURSOR)
def list_endpoints() -> ResponseReturnValue:
    """Show the apps and the runners."""
    return _list(Form(values={"protocol": str(AppProtocol.HTTP)}))


@console.post("/endpoints/apps")
@needs(Role.OWNER)
@takes()
def put_app() -> ResponseReturnValue:
    """Add a Dapr app, or replace the one of that id."""
    values = {name: request.form.get(name, "") for name in ("app", "url", "protocol", _KEEP)}
    token = request.form.get("token", "") or None
    try:
        if values["protocol"] not in tuple(AppProtocol):
            raise InvalidMember(
                "protocol", "The protocol is unknown.", remedy="Choose HTTP or gRPC."
            )
        _, created = apps.put(
            current_context(),
            viewer().account,
            values["app"],
            url=values["url"],
            token=token,
            keep_token=token is None and bool(values[_KEEP]),
            protocol=AppProtocol(values["protocol"]),
            by=viewer().user_id,
        )
    except SHOWN as error:
        return _list(refused(error, values, _APP_FIELDS))
    flash(f"The app {values['app']} is {'added' if created else 'changed'}.")
    return _redirect_back()


@console.post("/endpoints/runners")
@needs(Role.OWNER)
@takes()
def put_runner() -> ResponseReturnValue:
    """Add a Fusion runner, or replace the one of that type."""
    values = {name: request.form.get(name, "") for name in ("runner", "runner_url")}
    try:
        runners.put(
            current_context(),
            viewer().account,
            values["runner"],
            url=values["runner_url"],
            by=viewer().user_id,
        )
    except SHOWN as error:
        return _list(refused(error, values, _RUNNER_FIELDS))
    flash(f"The runner of {values['runner']} jobs is saved.")
    return _redirect_back()


@console.post("/endpoints/<any(app, runner):kind>/test")
@needs(Role.MEMBER)
@takes()
def call_endpoint(kind: str) -> ResponseReturnValue:
    """Call an app or a runner once, and lead to the page that shows the attempt."""
    context, caller = current_context(), viewer().caller
    call = endpoint_tests.call_app if kind == _APP else endpoint_tests.call_runner
    try:
        attempts.count(attempts.TEST, str(caller.account.id))
        job_id = call(context, caller, request.form.get("name", ""))
    except NotFound:
        raise
    except SHOWN as error:
        return _list(refused(error, {"protocol": str(AppProtocol.HTTP)}, _TEST_FIELDS))
    return Response(
        status=_SEE_OTHER, headers={"Location": f"{PREFIX}/jobs/{job_id}/result?endpoint={kind}"}
    )


@console.get("/endpoints/<any(app, runner):kind>/delete")
@needs(Role.OWNER)
@takes("name")
def ask_to_delete_endpoint(kind: str) -> ResponseReturnValue:
    """Ask whether to remove an app or a runner."""
    name = request.args.get("name", "")
    get = apps.get if kind == _APP else runners.get
    found = get(current_context(), viewer().account, name)
    return _ask(kind, found.name, Form())


@console.post("/endpoints/<any(app, runner):kind>/delete")
@needs(Role.OWNER)
@takes()
def delete_endpoint(kind: str) -> ResponseReturnValue:
    """Remove an app that has no jobs, or a runner."""
    name = request.form.get("name", "")
    delete = apps.delete if kind == _APP else runners.delete
    try:
        delete(current_context(), viewer().account, name, by=viewer().user_id)
    except NotFound:
        raise
    except SHOWN as error:
        return _ask(kind, name, refused(error, {}))
    flash(f"{name} is removed.")
    return _redirect_back()


def _list(form: Form) -> ResponseReturnValue:
    found = apps.list_page(
        current_context(), viewer().account, after=request.args.get(_CURSOR), limit=_ROWS + 1
    )
    more = len(found) > _ROWS
    return page(
        "endpoints.html",
        form=form,
        apps=found[:_ROWS],
        runners=runners.list_runners(current_context(), viewer().account),
        kinds=[(str(each), str(each)) for each in runners.KINDS],
        protocols=[(str(each), each.name) for each in AppProtocol],
        next_url=to(f"endpoints?{_CURSOR}={found[_ROWS - 1].name}") if more else "",
        may_manage=viewer().may_manage,
        may_change=viewer().may_change,
    )


def _ask(kind: str, name: str, form: Form) -> ResponseReturnValue:
    return page(
        "confirm.html",
        title=f"Remove {name}?",
        text="Jobs of this type are no longer called."
        if kind == _RUNNER
        else "An app that still has jobs cannot be removed: delete its jobs first.",
        action="Remove",
        url=to(f"endpoints/{kind}/delete"),
        cancel=to("endpoints"),
        fields=[("name", name)],
        problem=form.problem,
    )


def _redirect_back() -> Response:
    used_endpoints.forget()
    return Response(status=_SEE_OTHER, headers={"Location": _ENDPOINTS})
