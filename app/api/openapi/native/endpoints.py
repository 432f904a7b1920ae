"""Operations of endpoints: Dapr apps, Fusion runners and inboxes."""

from __future__ import annotations

from typing import Final

from app.api import negotiation
from app.api.native.documents import inbox as inbox_document
from app.api.native.documents.endpoint import APP, RUNNER
from app.api.native.routes import paging
from app.api.openapi.native import examples as ex
from app.api.openapi.native import parameters as params
from app.api.openapi.native.content import documents, text, under
from app.api.openapi.operations import Answer, Body, Content, Operation, Parameter, Tag
from app.api.openapi.schemas import one_of
from app.domain.inbox import KEPT_CALLS
from app.errors import Conflict, LimitReached, NotFound
from app.service.fusion.runners import KINDS

APPS_TAG: Final = Tag(name="apps", about="Where the calls of Dapr jobs go.")
RUNNERS_TAG: Final = Tag(name="runners", about="Where the runs of Fusion jobs are started.")
INBOXES_TAG: Final = Tag(name="inboxes", about="Test receivers that Wakecall itself serves.")

_APP_ID: Final = {
    "id": params.name_in_path(
        "The id of an app.", "job-service", pattern="^[A-Za-z0-9._-]+$", minLength=1, maxLength=256
    )
}
_TYPE: Final = {
    "type": Parameter(schema=one_of(KINDS), about="A type of job.", example="datasource")
}
_INBOX: Final = {"id": params.INBOX_ID}
_LINK: Final = "Link?"
_APP_SHOWN: Final = documents("App", under(APP.root), app=ex.APP)
_RUNNER_SHOWN: Final = documents("Runner", under(RUNNER.root), runner=ex.RUNNER)
_INBOX_SHOWN: Final[dict[str, Content]] = {
    **documents("Inbox", under("inbox"), inbox=ex.INBOX),
    **text("^[^\\n]+$", ex.INBOX_URL, "The URL of the inbox."),
}
_INBOX_SENT: Final = documents("NewInbox", under("inbox"), orders=ex.NEW_INBOX)


def _page(default: int) -> dict[str, Parameter]:
    return {paging.LIMIT: params.limit(default), paging.CURSOR: params.CURSOR}


_APPS: Final = (
    Operation(
        endpoint="native.list_apps",
        method="GET",
        path="/1/dapr-apps",
        id="apps.list",
        tag=APPS_TAG.name,
        summary="List the Dapr apps",
        about="By id.",
        parameters=_page(paging.MAX_LIMIT),
        answers=(
            Answer(
                status=200,
                about="A page of apps.",
                content=documents("Apps", under("apps"), one=[ex.APP]),
                headers=(_LINK,),
            ),
        ),
    ),
    Operation(
        endpoint="native.get_app",
        method="GET",
        path="/1/dapr-apps/{id}",
        id="apps.get",
        tag=APPS_TAG.name,
        summary="Show a Dapr app",
        parameters=_APP_ID,
        answers=(Answer(status=200, about="The app.", content=_APP_SHOWN),),
        problems=(NotFound,),
    ),
    Operation(
        endpoint="native.put_app",
        method="PUT",
        path="/1/dapr-apps/{id}",
        id="apps.put",
        tag=APPS_TAG.name,
        summary="Create or replace a Dapr app",
        parameters=_APP_ID,
        body=Body(content=documents("NewApp", under(APP.root), app=ex.NEW_APP)),
        answers=(
            Answer(status=201, about="The app is new.", content=_APP_SHOWN, headers=("Location",)),
            Answer(status=200, about="The app is replaced.", content=_APP_SHOWN),
        ),
        problems=(LimitReached,),
    ),
    Operation(
        endpoint="native.delete_app",
        method="DELETE",
        path="/1/dapr-apps/{id}",
        id="apps.delete",
        tag=APPS_TAG.name,
        summary="Delete a Dapr app",
        about="An app with jobs is not deleted.",
        parameters=_APP_ID,
        answers=(Answer(status=204, about="The app is deleted."),),
        problems=(NotFound, Conflict),
    ),
)
_RUNNERS: Final = (
    Operation(
        endpoint="native.list_runners",
        method="GET",
        path="/1/fusion-runners",
        id="runners.list",
        tag=RUNNERS_TAG.name,
        summary="List the Fusion runners",
        about="By type.",
        answers=(
            Answer(
                status=200,
                about="The runners.",
                content=documents("Runners", under("runners"), one=[ex.RUNNER]),
            ),
        ),
    ),
    Operation(
        endpoint="native.get_runner",
        method="GET",
        path="/1/fusion-runners/{type}",
        id="runners.get",
        tag=RUNNERS_TAG.name,
        summary="Show a Fusion runner",
        parameters=_TYPE,
        answers=(Answer(status=200, about="The runner.", content=_RUNNER_SHOWN),),
        problems=(NotFound,),
    ),
    Operation(
        endpoint="native.put_runner",
        method="PUT",
        path="/1/fusion-runners/{type}",
        id="runners.put",
        tag=RUNNERS_TAG.name,
        summary="Create or replace a Fusion runner",
        parameters=_TYPE,
        body=Body(content=documents("NewRunner", under(RUNNER.root), runner=ex.NEW_RUNNER)),
        answers=(
            Answer(
                status=201, about="The runner is new.", content=_RUNNER_SHOWN, headers=("Location",)
            ),
            Answer(status=200, about="The runner is replaced.", content=_RUNNER_SHOWN),
        ),
        problems=(NotFound,),
    ),
    Operation(
        endpoint="native.delete_runner",
        method="DELETE",
        path="/1/fusion-runners/{type}",
        id="runners.delete",
        tag=RUNNERS_TAG.name,
        summary="Delete a Fusion runner",
        about="Jobs of its type fail until there is another.",
        parameters=_TYPE,
        answers=(Answer(status=204, about="The runner is deleted."),),
        problems=(NotFound,),
    ),
)
_INBOXES: Final = (
    Operation(
        endpoint="native.list_inboxes",
        method="GET",
        path="/1/inboxes",
        id="inboxes.list",
        tag=INBOXES_TAG.name,
        summary="List the inboxes",
        about="The oldest first.",
        answers=(
            Answer(
                status=200,
                about="The inboxes; as text a URL on each line.",
                content={
                    **documents("Inboxes", under("inboxes"), one=[ex.INBOX]),
                    **text("^(?:[^\\n]+\\n)*$", f"{ex.INBOX_URL}\n", "A URL on each line."),
                },
            ),
        ),
    ),
    Operation(
        endpoint="native.create_inbox",
        method="POST",
        path="/1/inboxes",
        id="inboxes.create",
        tag=INBOXES_TAG.name,
        summary="Create an inbox",
        about="Without a body it has no label and answers 204.",
        body=Body(content=_INBOX_SENT, required=False),
        answers=(
            Answer(
                status=201,
                about="The inbox is created.",
                content={negotiation.TEXT: _INBOX_SHOWN[negotiation.TEXT], **_INBOX_SHOWN},
                headers=("Location",),
            ),
        ),
        problems=(LimitReached,),
    ),
    Operation(
        endpoint="native.get_inbox",
        method="GET",
        path="/1/inboxes/{id}",
        id="inboxes.get",
        tag=INBOXES_TAG.name,
        summary="Show an inbox",
        parameters=_INBOX,
        answers=(Answer(status=200, about="The inbox.", content=_INBOX_SHOWN),),
        problems=(NotFound,),
    ),
    Operation(
        endpoint="native.change_inbox",
        method="PUT",
        path="/1/inboxes/{id}",
        id="inboxes.change",
        tag=INBOXES_TAG.name,
        summary="Give an inbox another label and answer",
        about="A member that is absent gets its default.",
        parameters=_INBOX,
        body=Body(content=_INBOX_SENT),
        answers=(Answer(status=200, about="The inbox.", content=_INBOX_SHOWN),),
        problems=(NotFound,),
    ),
    Operation(
        endpoint="native.delete_inbox",
        method="DELETE",
        path="/1/inboxes/{id}",
        id="inboxes.delete",
        tag=INBOXES_TAG.name,
        summary="Delete an inbox",
        about="With its calls.",
        parameters=_INBOX,
        answers=(Answer(status=204, about="The inbox is deleted."),),
        problems=(NotFound,),
    ),
    Operation(
        endpoint="native.list_inbox_calls",
        method="GET",
        path="/1/inboxes/{id}/calls",
        id="inboxes.calls",
        tag=INBOXES_TAG.name,
        summary="List the calls to an inbox, or wait for the next ones",
        about="The newest first. With `after` or `wait`, the calls after a number, the oldest "
        "first.",
        parameters={
            **_INBOX,
            inbox_document.AFTER: Parameter(
                schema={"type": "integer", "minimum": 0, "maximum": 2**53},
                about="Only calls with a higher number; not together with `cursor`.",
            ),
            inbox_document.WAIT: Parameter(
                schema={"type": "integer", "minimum": 0, "maximum": inbox_document.MAX_WAIT_S},
                about="Seconds to wait for a call if there is none.",
            ),
            **_page(KEPT_CALLS),
        },
        answers=(
            Answer(
                status=200,
                about="The calls.",
                content=documents("InboxCalls", under("calls"), one=[ex.CALL]),
                headers=(_LINK,),
            ),
        ),
        problems=(NotFound,),
    ),
    Operation(
        endpoint="native.get_inbox_call",
        method="GET",
        path="/1/inboxes/{id}/calls/{number}",
        id="inboxes.call",
        tag=INBOXES_TAG.name,
        summary="Show a call to an inbox",
        parameters={
            **_INBOX,
            "number": Parameter(
                schema={"type": "integer", "minimum": 1}, about="The number of a call.", example=7
            ),
        },
        answers=(
            Answer(
                status=200,
                about="The call.",
                content=documents("InboxCall", under("call"), call=ex.CALL),
            ),
        ),
        problems=(NotFound,),
    ),
)
OPERATIONS: Final = (*_APPS, *_RUNNERS, *_INBOXES)
