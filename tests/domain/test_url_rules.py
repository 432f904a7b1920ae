"""URL rules: an accepted URL is judged once, a refused one each time, by the rules as given."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from app.domain import target, url_rules
from app.domain.url_rules import MAX_KNOWN, UrlRules
from app.errors import InvalidMember


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The URLs that were judged, as they are."""
    found: list[str] = []
    judge_url = target.judge_url

    def noted(url: str, **rules: object) -> None:
        found.append(url)
        judge_url(url, **rules)  # type: ignore[arg-type] # handed on as they are

    monkeypatch.setattr(url_rules, "judge_url", noted)
    return found


def test_a_url_that_may_be_booked_is_judged_once(judged: list[str]) -> None:
    rules = UrlRules()
    for _ in range(3):
        rules.judge("url", "https://example.com/wake")
    assert judged == ["https://example.com/wake"]


def test_a_refusal_names_its_member_each_time(judged: list[str]) -> None:
    rules = UrlRules()
    for member in ("url", "onSuccess", "url"):
        with pytest.raises(InvalidMember) as refusal:
            rules.judge(member, "http://127.0.0.1:8000/")
        assert refusal.value.member == member
    assert len(judged) == 3


def test_what_other_rules_allow_is_not_remembered_for_these() -> None:
    UrlRules(allow=(ip_network("127.0.0.0/8"),)).judge("url", "http://127.0.0.1:8000/")
    with pytest.raises(InvalidMember):
        UrlRules().judge("url", "http://127.0.0.1:8000/")


def test_memory_is_bounded_whatever_the_number_of_urls(judged: list[str]) -> None:
    rules = UrlRules()
    for number in range(MAX_KNOWN + 1):
        rules.judge("url", f"https://example.com/{number}")
    judged.clear()
    rules.judge("url", f"https://example.com/{MAX_KNOWN}")
    rules.judge("url", "https://example.com/0")
    assert judged == ["https://example.com/0"]
