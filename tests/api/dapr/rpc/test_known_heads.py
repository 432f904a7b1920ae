"""Known heads of RPCs: what follows from one is found once, and what differs is never kept."""

from __future__ import annotations

import pytest

from app.api.dapr.rpc.calls import Metadata
from app.api.dapr.rpc.known_heads import MAX_KNOWN, MAX_SIZE, KnownHeads
from app.api.dapr.rpc.requests import environ_of
from app.api.head_notes import NOTES

PATH = "/dapr.proto.runtime.v1.Dapr/ScheduleJob"
PEER = "ipv4:127.0.0.1:5000"


def fields(*more: tuple[str, str | bytes]) -> Metadata:
    """New strings each time, as the core of grpcio makes them."""
    return (("te", "trailers"), ("dapr-api-token", f"wk_{len(more)}"), *more)


def test_the_environment_is_that_of_an_rpc_without_notes() -> None:
    known = KnownHeads()
    metadata = fields(("dapr-app-id", "shop"), ("baggage", "ä"), ("trace-bin", b"\xff"))
    plain = environ_of(PATH, metadata, PEER)
    for _ in range(2):
        environ = known.environ_of(PATH, metadata, PEER)
        assert environ.pop(NOTES) == {}
        environ["wsgi.input"] = plain["wsgi.input"]
        assert environ == plain


def test_rpcs_with_the_same_head_share_their_notes() -> None:
    known = KnownHeads()
    notes = known.environ_of(PATH, fields(), PEER)[NOTES]
    assert known.environ_of(PATH, fields(), PEER)[NOTES] is notes
    assert known.environ_of(f"{PATH}Alpha1", fields(), PEER)[NOTES] is not notes
    assert known.environ_of(PATH, fields(("a", "b")), PEER)[NOTES] is not notes
    assert KnownHeads().environ_of(PATH, fields(), PEER)[NOTES] is not notes


def test_what_differs_between_rpcs_with_one_head_is_not_kept() -> None:
    known = KnownHeads()
    first = known.environ_of(PATH, fields(), PEER)
    first["wakecall.added"] = True
    second = known.environ_of(PATH, fields(), "ipv4:10.0.0.2:5")
    assert (first["REMOTE_ADDR"], second["REMOTE_ADDR"]) == ("127.0.0.1", "10.0.0.2")
    assert "wakecall.added" not in second
    assert second["wsgi.input"] is not first["wsgi.input"]


@pytest.mark.parametrize(
    "more",
    [
        [("baggage", "x" * MAX_SIZE)],
        [("trace-bin", b"x" * MAX_SIZE)],
        [(f"{n}", "") for n in range(MAX_SIZE // 32)],
    ],
    ids=["text", "bytes", "many"],
)
def test_a_long_head_is_not_kept(more: list[tuple[str, str | bytes]]) -> None:
    environ = KnownHeads().environ_of(PATH, fields(*more), PEER)
    assert NOTES not in environ
    assert environ["HTTP_DAPR_API_TOKEN"].startswith("wk_")


def test_only_so_many_heads_are_kept() -> None:
    known = KnownHeads()
    first = known.environ_of(PATH, fields(), PEER)[NOTES]
    for n in range(MAX_KNOWN - 1):
        known.environ_of(PATH, fields(("n", f"{n}")), PEER)
    assert known.environ_of(PATH, fields(), PEER)[NOTES] is first
    known.environ_of(PATH, fields(("n", "last")), PEER)
    assert known.environ_of(PATH, fields(), PEER)[NOTES] is not first
    assert len(known._known) == MAX_KNOWN
