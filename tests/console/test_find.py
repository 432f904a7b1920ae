"""Find: the palette's page finds pages, jobs and runs of the viewer's own account."""

from __future__ import annotations

import pytest

from app.api.context import context_of
from app.console.pages.find import MAX_JOBS
from app.service import keys
from tests.console.people import SignedIn
from tests.console.rules import check_page


def found(someone: SignedIn, text: str) -> list[str]:
    answer = someone.client.get("/console/find", query_string={"q": text})
    assert answer.status_code == 200
    hits = check_page(answer.data).xpath("//*[@id='found']//a")
    return [" ".join(each.text_content().split()) for each in hits]


def book(someone: SignedIn, name: str) -> str:
    key = someone.app.test_client()
    made = key.post(
        "/1/jobs",
        json={"name": name, "url": "https://a.example/", "cron": "0 0 3 * * ?"},
        headers={"X-API-Key": api_key(someone), "Accept": "application/json"},
    )
    job: str = made.get_json()["id"]
    return job


def api_key(someone: SignedIn) -> str:
    with someone.app.app_context():
        return keys.create(context_of(someone.app), someone.account.name, "test")


def test_a_page_is_found_by_a_part_of_its_name(signed_in: SignedIn) -> None:
    assert "Find" not in found(signed_in, "zzz")
    assert found(signed_in, "zzz") == []
    assert len(found(signed_in, "")) == len(found(signed_in, " "))


def test_a_job_is_found_by_the_beginning_of_its_name_and_by_its_id(signed_in: SignedIn) -> None:
    job = book(signed_in, "zebra-report")
    for text in ("zeb", job, f"https://wakecall.example/console/jobs/{job}/", job.upper()):
        assert found(signed_in, text) == ["zebra-report job"], text


def test_few_jobs_are_found(signed_in: SignedIn) -> None:
    for number in range(MAX_JOBS + 2):
        book(signed_in, f"zebra-{number}")
    assert len(found(signed_in, "zebra-")) == MAX_JOBS


def test_nothing_of_another_account_is_found(signed_in: SignedIn, other_user: SignedIn) -> None:
    job = book(signed_in, "zebra")
    assert found(other_user, job) == found(other_user, "zebra") == []


@pytest.mark.parametrize("text", ["\x00", "zeb\x00ra", "\ud800", "%", "'", "a" * 5000])
def test_whatever_is_searched_for_there_is_an_answer(signed_in: SignedIn, text: str) -> None:
    sent = {"q": text.encode("utf-8", "surrogatepass")}
    answer = signed_in.client.get("/console/find", query_string=sent)
    assert answer.status_code in {200, 400}


def test_a_path_without_a_page_keeps_the_navigation(signed_in: SignedIn) -> None:
    answer = signed_in.client.get("/console/no-such-page")
    document = check_page(answer.data)

    assert answer.status_code == 404
    assert "There is no page at this path." in answer.text
    assert document.xpath("//nav[@aria-label='Console']")
