"""Several jobs at once: the question, the count that is typed, batches and their progress."""

from __future__ import annotations

import time
from uuid import UUID

import pytest
from lxml.html import HtmlElement

from app.domain.job_filter import JobFilter
from app.domain.role import Role
from app.service import job_selection, jobs
from app.store.job_list import TooLong
from tests.api.conftest import MakeApp
from tests.console.job_scene import book, book_by_dapr, caller_of, context, get, text
from tests.console.people import SignedIn, add_user, browser_of, find_account, signed_in_as
from tests.console.rules import check_page

PLACE = "/console/jobs/selected"


def left(person: SignedIn) -> int:
    return job_selection.count(context(person), caller_of(person), JobFilter())


def form_of(page: str) -> dict[str, list[str]]:
    """What the form of the page sends."""
    found: dict[str, list[str]] = {}
    form: HtmlElement = check_page(page).xpath("//main//form[@method='post']")[0]
    for field in form.xpath(".//input[@name]"):
        if field.get("name") != "csrf_token":
            found.setdefault(field.get("name"), []).append(field.get("value") or "")
    return found


@pytest.mark.parametrize(("action", "enabled"), [("pause", False), ("resume", True)])
def test_selected_jobs_are_paused_and_resumed(
    signed_in: SignedIn,
    action: str,
    *,
    enabled: bool,
) -> None:
    made = [book(signed_in, enabled=not enabled) for _ in range(3)]
    query = "&".join(f"id={each}" for each in made[:2])
    page = signed_in.get(f"{PLACE}?action={action}&{query}&sort=name")
    assert f"{action.title()} 2 jobs?" in text(check_page(page))
    moved = signed_in.post(PLACE, form_of(page))
    assert (moved.status_code, moved.headers["Location"]) == (303, "/console/jobs?sort=name")
    assert f"2 jobs were {action}d." in signed_in.get("/console/jobs")
    states = [get(signed_in, each).booking.enabled for each in made]
    assert states == [enabled, enabled, not enabled]


def test_a_tag_is_given_to_jobs_that_can_have_one(signed_in: SignedIn) -> None:
    native, dapr = book(signed_in), book_by_dapr(signed_in, "poll")
    page = signed_in.get(f"{PLACE}?action=tag&id={native}&id={dapr}")
    form = {**form_of(page), "label": "billing"}
    assert signed_in.post(PLACE, form).status_code == 303
    assert get(signed_in, native).booking.tags == ("billing",)
    assert "1 job was tagged. 1 failed:" in signed_in.get("/console/jobs")


def test_a_tag_that_cannot_be_is_refused_in_the_page(signed_in: SignedIn) -> None:
    job_id = book(signed_in)
    answer = signed_in.post(PLACE, {"action": "tag", "id": str(job_id), "label": " "})
    assert answer.status_code == 400
    assert "tag begins or ends with a space" in text(check_page(answer.data))


def test_deleting_many_asks_to_type_their_number(signed_in: SignedIn) -> None:
    for number in range(12):
        book(signed_in, name=f"n{number}")
    page = signed_in.get(f"{PLACE}?action=delete&namePrefix=n")
    assert "Delete 12 jobs?" in page
    form = form_of(page)
    assert (form["all"], form["namePrefix"], form["typed"]) == (["1"], ["n"], [""])
    for typed in ("", "11", "yes"):
        refused = signed_in.post(PLACE, {**form, "typed": typed})
        assert refused.status_code == 400
        assert "The number of jobs is 12" in text(check_page(refused.data))
    assert left(signed_in) == 12
    assert signed_in.post(PLACE, {**form, "typed": "12"}).status_code == 303
    assert left(signed_in) == 0


def test_the_number_that_is_typed_is_that_of_the_page(signed_in: SignedIn) -> None:
    made = [book(signed_in, name=f"n{number}") for number in range(12)]
    form = {**form_of(signed_in.get(f"{PLACE}?action=delete&namePrefix=n")), "typed": "12"}
    later = book(signed_in, name="n-later")
    jobs.delete(context(signed_in), caller_of(signed_in), made[3])
    jobs.delete(context(signed_in), caller_of(signed_in), made[4])
    assert signed_in.post(PLACE, form).status_code == 303
    assert "10 jobs were deleted." in signed_in.get("/console/jobs")
    assert get(signed_in, later).booking.name == "n-later"
    assert left(signed_in) == 1


def test_selected_jobs_that_ended_meanwhile_do_not_keep_from_the_others(
    signed_in: SignedIn,
) -> None:
    ended, kept = book(signed_in, name="ended"), book(signed_in, name="kept")
    jobs.delete(context(signed_in), caller_of(signed_in), ended)
    page = signed_in.get(f"{PLACE}?action=pause&id={ended}&id={kept}")
    assert "kept and 1 more" in text(check_page(page))
    assert signed_in.post(PLACE, form_of(page)).status_code == 303
    assert not get(signed_in, kept).booking.enabled
    assert "1 job was paused. 1 failed:" in signed_in.get("/console/jobs")
    for gone in (f"id={ended}", f"id={ended}&id={UUID(int=1)}"):
        assert signed_in.client.get(f"{PLACE}?action=pause&{gone}").status_code == 404


def test_selected_jobs_need_no_count_of_all_that_match(
    signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [book(signed_in) for _ in range(2)]

    def too_long(*_: object, **__: object) -> int:
        raise TooLong

    monkeypatch.setattr("app.store.job_selection.count", too_long)
    page = signed_in.get(f"{PLACE}?action=pause&id={made[0]}&host=example.com")
    assert "Instead:" not in page
    assert signed_in.post(PLACE, form_of(page)).status_code == 303
    assert [get(signed_in, each).booking.enabled for each in made] == [False, True]
    assert signed_in.client.get(f"{PLACE}?action=pause&host=example.com").status_code == 400


def test_all_that_match_are_done_in_batches_that_survive_a_reload(
    signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (job_selection, __import__("app.console.pages.job_selection", fromlist=["x"])):
        monkeypatch.setattr(module, "MAX_AT_ONCE", 2)
    for number in range(5):
        book(signed_in, name=f"n{number}")
    other = book(signed_in, name="other")
    page = signed_in.get(f"{PLACE}?action=delete&namePrefix=n&all=1")
    moved = signed_in.post(PLACE, form_of(page))
    later = book(signed_in, name="n-later")
    seen = []
    while moved.headers["Location"].startswith(f"{PLACE}/progress"):
        seen.append(left(signed_in))
        for _ in range(2):
            page = signed_in.get(moved.headers["Location"])
        assert f"{2 * len(seen)} of 5 jobs are deleted." in text(check_page(page))
        assert left(signed_in) == seen[-1]
        moved = signed_in.post(f"{PLACE}/progress", form_of(page))
    assert seen == [5, 3]
    assert "5 jobs were deleted." in signed_in.get("/console/jobs")
    assert {get(signed_in, each).id for each in (other, later)} == {other, later}


def test_all_that_match_are_also_those_booked_while_the_clock_was_ahead(
    signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    hour_ns = 3600 * 10**9
    with monkeypatch.context() as ahead:
        true_time = time.time_ns
        ahead.setattr("app.random_ids.time.time_ns", lambda: true_time() + hour_ns)
        made = book(signed_in)
    form = form_of(signed_in.get(f"{PLACE}?action=pause&all=1"))
    assert signed_in.post(PLACE, form).status_code == 303
    assert not get(signed_in, made).booking.enabled


def test_jobs_are_called_by_selection_only(signed_in: SignedIn) -> None:
    job_id = book(signed_in)
    assert signed_in.client.get(f"{PLACE}?action=fire").status_code == 400
    assert signed_in.post(PLACE, {"action": "fire", "all": "1"}).status_code == 400
    page = signed_in.get(f"{PLACE}?action=fire&id={job_id}")
    assert signed_in.post(PLACE, form_of(page)).status_code == 303
    assert "1 job was called." in signed_in.get("/console/jobs")


@pytest.mark.parametrize(
    "query",
    ["action=explode", "action=pause&id=x", "action=pause&state=x", ""],
)
def test_what_cannot_be_asked_is_refused(signed_in: SignedIn, query: str) -> None:
    book(signed_in)
    answer = signed_in.client.get(f"{PLACE}?{query}")
    assert answer.status_code in {400, 404}
    check_page(answer.data)


def test_nobody_acts_on_jobs_of_another_account_or_without_the_role(
    signed_in: SignedIn, other_user: SignedIn
) -> None:
    job_id = book(signed_in)
    assert other_user.client.get(f"{PLACE}?action=delete&id={job_id}").status_code == 404
    assert other_user.post(PLACE, {"action": "delete", "id": str(job_id)}).status_code == 303
    assert other_user.post(PLACE, {"action": "delete", "all": "1"}).status_code == 303
    reader = signed_in.with_role(Role.READER)
    assert reader.client.get(f"{PLACE}?action=delete").status_code == 403
    assert reader.post(PLACE, {"action": "delete", "all": "1"}).status_code == 403
    assert UUID(str(job_id)) == get(signed_in, job_id).id


@pytest.mark.parametrize("name", ["after", "until"])
def test_a_forged_position_is_refused(signed_in: SignedIn, name: str) -> None:
    book(signed_in)
    form = {"action": "delete", "until": str(UUID(int=2**128 - 1)), name: "x"}
    assert signed_in.post(f"{PLACE}/progress", form).status_code == 400
    assert left(signed_in) == 1


def test_a_link_to_the_progress_that_somebody_else_made_does_nothing(
    signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (job_selection, __import__("app.console.pages.job_selection", fromlist=["x"])):
        monkeypatch.setattr(module, "MAX_AT_ONCE", 1)
    for number in range(3):
        book(signed_in, name=f"n{number}")
    forged = {"action": "delete", "until": str(UUID(int=2**128 - 1)), "total": "3"}
    for proof in ("", "x", "é", "0" * 64):
        sent = {**forged, "proof": proof}
        assert signed_in.client.get(f"{PLACE}/progress", query_string=sent).status_code == 400
        assert signed_in.post(f"{PLACE}/progress", sent).status_code == 400
    assert left(signed_in) == 3

    place = signed_in.post(PLACE, {"action": "pause", "all": "1"}).headers["Location"]
    form = form_of(signed_in.get(place))
    assert signed_in.client.get(place.replace("pause", "delete")).status_code == 400
    assert signed_in.post(f"{PLACE}/progress", {**form, "action": "delete"}).status_code == 400
    assert signed_in.post(f"{PLACE}/progress", {**form, "namePrefix": "n"}).status_code == 400
    assert signed_in.with_role(Role.MEMBER).client.get(place).status_code == 400
    add_user(signed_in.app, signed_in.email, "second")
    for name, status in (("second", 400), (signed_in.account.name, 200)):
        account = find_account(signed_in.app, name)
        assert signed_in.post("/console/switch", {"account": account.id}).status_code == 303
        assert signed_in.client.get(place).status_code == status
    assert left(signed_in) == 3
    assert signed_in.post(f"{PLACE}/progress", form).status_code == 303


def test_below_a_path_everything_leads_below_it_once(make_app: MakeApp) -> None:
    app = make_app(WAKECALL_PATH_PREFIX="/w")
    person = signed_in_as(app, "ada@example.com", "demo")
    job_id = str(book(person))
    for path, form, place in (
        (f"/console/jobs/{job_id}/pause", {"next": ""}, f"/w/console/jobs/{job_id}"),
        (PLACE, {"action": "resume", "id": job_id}, "/w/console/jobs"),
        (PLACE, {"action": "pause", "all": "1"}, "/w/console/jobs"),
        (f"/console/jobs/{job_id}/delete", {"next": ""}, "/w/console/jobs"),
    ):
        assert person.post(path, form).headers["Location"] == place
    answer = browser_of(app).get("/console/jobs", headers={"HX-Request": "true"})
    assert answer.headers["HX-Redirect"] == "/w/console/login?next=/console/jobs"
