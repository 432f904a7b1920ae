"""Operations of the account: limits, accuracy, secrets, keys and audit log; and previews."""

from __future__ import annotations

from typing import Final

from app.api.native.documents import audit as audit_document
from app.api.native.documents.preview import ROOT as PREVIEW_ROOT
from app.api.native.documents.rotation import ROTATION
from app.api.native.routes import paging
from app.api.openapi.native import examples as ex
from app.api.openapi.native import parameters as params
from app.api.openapi.native.content import documents, text, under
from app.api.openapi.operations import Answer, Body, Operation, Parameter, Tag
from app.api.openapi.schemas import TEXT, one_of
from app.domain.audit import Action
from app.domain.key import ID_LENGTH
from app.domain.user import MAX_EMAIL
from app.errors import Conflict, InsufficientScope, LimitReached, NotFound

TAG: Final = Tag(name="account", about="The account: its limits, keys, secrets and audit log.")
PREVIEW_TAG: Final = Tag(name="preview", about="Try a schedule out.")

_KEY_ID: Final = {
    "id": params.name_in_path(
        "The id of a key.", ex.KEY_ID, pattern=f"^[0-9A-Za-z]{{{ID_LENGTH}}}$"
    )
}
_PAGE: Final = {
    paging.LIMIT: params.limit(paging.MAX_LIMIT),
    paging.CURSOR: params.CURSOR,
}

_PREVIEW: Final = Operation(
    endpoint="native.preview_schedule",
    method="POST",
    path="/1/preview",
    id="preview",
    tag=PREVIEW_TAG.name,
    summary="Show when a schedule would fire",
    about="Nothing is booked. The schedule has the members of one dialect.",
    body=Body(
        content={
            **documents("NewPreview", under(PREVIEW_ROOT), native=ex.PREVIEW, dapr=ex.DAPR_PREVIEW)
        }
    ),
    answers=(
        Answer(
            status=200,
            about="The next firings.",
            content=documents("Preview", under(PREVIEW_ROOT), native=ex.PREVIEW_ANSWERED),
        ),
    ),
)
_SHOW: Final = Operation(
    endpoint="native.show_account",
    method="GET",
    path="/1/account",
    id="account.get",
    tag=TAG.name,
    summary="Show the account and its limits",
    answers=(
        Answer(
            status=200,
            about="The account.",
            content=documents("Account", under("account"), account=ex.ACCOUNT),
        ),
    ),
)
_ACCURACY: Final = Operation(
    endpoint="native.show_accuracy",
    method="GET",
    path="/1/accuracy",
    id="accuracy.get",
    tag=TAG.name,
    summary="Show how late calls began",
    about="Over the first attempts of all scheduled runs, in the last hour and day.",
    answers=(
        Answer(
            status=200,
            about="The accuracy.",
            content=documents("Accuracy", under("accuracy"), accuracy=ex.ACCURACY),
        ),
    ),
)
_SECRETS: Final = Operation(
    endpoint="native.list_secrets",
    method="GET",
    path="/1/secrets",
    id="secrets.list",
    tag=TAG.name,
    summary="List the signing secrets",
    about="The newest first.",
    answers=(
        Answer(
            status=200,
            about="The secrets.",
            content=documents("Secrets", under("secrets"), two=ex.SECRETS),
        ),
    ),
)
_ROTATE: Final = Operation(
    endpoint="native.rotate_secret",
    method="POST",
    path="/1/secrets/rotate",
    id="secrets.rotate",
    tag=TAG.name,
    summary="Make a new signing secret",
    about="The older secrets go on signing for `overlap` seconds; a day if there is no body.",
    body=Body(content=documents("Rotation", under(ROTATION.root), day=ex.ROTATION), required=False),
    answers=(
        Answer(
            status=201,
            about="The secrets, the new one first.",
            content=documents("Secrets", under("secrets"), two=ex.SECRETS),
        ),
    ),
    problems=(Conflict,),
)
_LIST_KEYS: Final = Operation(
    endpoint="native.list_keys",
    method="GET",
    path="/1/keys",
    id="keys.list",
    tag=TAG.name,
    summary="List the API keys",
    about="The oldest first, without their texts.",
    parameters=_PAGE,
    answers=(
        Answer(
            status=200,
            about="A page of keys.",
            content=documents("Keys", under("keys"), one=[ex.KEY]),
            headers=("Link?",),
        ),
    ),
)
_CREATE_KEY: Final = Operation(
    endpoint="native.create_key",
    method="POST",
    path="/1/keys",
    id="keys.create",
    tag=TAG.name,
    summary="Create an API key",
    about="The key itself is shown only in this response.",
    body=Body(content=documents("NewKey", under("key"), read_only=ex.NEW_KEY)),
    answers=(
        Answer(
            status=201,
            about="The key is created.",
            content={
                **text("^wk_[0-9A-Za-z]+$", ex.KEY_TEXT, "The key itself."),
                **documents("Key", under("key"), created=ex.NEW_KEY_ANSWERED),
            },
            headers=("Location",),
        ),
    ),
    problems=(InsufficientScope, LimitReached, NotFound),
)
_GET_KEY: Final = Operation(
    endpoint="native.get_key",
    method="GET",
    path="/1/keys/{id}",
    id="keys.get",
    tag=TAG.name,
    summary="Show an API key",
    about="Without its text.",
    parameters=_KEY_ID,
    answers=(
        Answer(status=200, about="The key.", content=documents("Key", under("key"), key=ex.KEY)),
    ),
    problems=(NotFound,),
)
_REVOKE_KEY: Final = Operation(
    endpoint="native.revoke_key",
    method="DELETE",
    path="/1/keys/{id}",
    id="keys.revoke",
    tag=TAG.name,
    summary="Revoke an API key",
    about="At once. The last key with the scope `admin` is not revoked.",
    parameters=_KEY_ID,
    answers=(Answer(status=204, about="The key is revoked."),),
    problems=(NotFound, Conflict),
)
_AUDIT: Final = Operation(
    endpoint="native.list_audit",
    method="GET",
    path="/1/audit",
    id="audit.list",
    tag=TAG.name,
    summary="List changes to the account",
    about="Who made them and from where, the newest first.",
    parameters={
        "action": Parameter(schema=one_of(Action), about="Only this action."),
        "key": Parameter(
            schema={**TEXT, "pattern": f"^[0-9A-Za-z]{{{ID_LENGTH}}}$"},
            about="Only changes that this key made.",
        ),
        "user": Parameter(
            schema={**TEXT, "format": "email", "maxLength": MAX_EMAIL},
            about="Only changes that this user made.",
        ),
        "after": params.instant("Only records of this instant or later."),
        "before": params.instant("Only records from before this instant."),
        audit_document.CURSOR: params.CURSOR,
        paging.LIMIT: params.limit(paging.DEFAULT_LIMIT),
    },
    answers=(
        Answer(
            status=200,
            about="A page of records.",
            content=documents("AuditEntries", under("audit"), one=ex.AUDIT),
            headers=("Link?",),
        ),
    ),
)

OPERATIONS: Final = (
    _PREVIEW,
    _SHOW,
    _ACCURACY,
    _SECRETS,
    _ROTATE,
    _LIST_KEYS,
    _CREATE_KEY,
    _GET_KEY,
    _REVOKE_KEY,
    _AUDIT,
)
