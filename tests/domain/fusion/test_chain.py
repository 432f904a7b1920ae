"""Chain: cycles are found and named, however long, and nothing else is taken for one."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.fusion import chain
from app.errors import InvalidMember

jobs = st.sampled_from("abcdef")
follows = st.dictionaries(jobs, st.sets(jobs, max_size=3))


def reached(job: str, follows: dict[str, set[str]]) -> set[str]:
    """All that a job comes after, by following every trigger again and again."""
    found: set[str] = set(follows.get(job, ()))
    for _ in range(6):
        found |= {further for each in found for further in follows.get(each, ())}
    return found


@given(jobs, st.sets(jobs, max_size=3), follows)
def test_a_cycle_is_found_exactly_where_a_job_comes_after_itself(
    job: str, upstreams: set[str], existing: dict[str, set[str]]
) -> None:
    cycle = chain.find_cycle(job, upstreams, existing)
    after = {**existing, job: upstreams}
    assert (cycle is not None) == (job in reached(job, after))
    if cycle is not None:
        assert cycle[0] == cycle[-1] == job
        assert all(upstream in after[started] for upstream, started in pairwise(cycle))
        assert len(set(cycle)) == len(cycle) - 1


def test_the_cycle_is_named_in_the_order_in_which_its_jobs_run() -> None:
    existing = {"task:b": ["task:a"], "task:c": ["task:b", "spark:x"]}
    with pytest.raises(InvalidMember) as refused:
        chain.refuse_cycle("task:a", ["task:z", "task:c"], existing)
    assert refused.value.member == "triggers"
    assert "task:a -> task:b -> task:c -> task:a." in refused.value.message
    assert refused.value.remedy


def test_a_job_that_follows_itself_is_a_cycle() -> None:
    assert chain.find_cycle("task:a", ["task:a"], {}) == ("task:a", "task:a")


def test_of_several_cycles_the_shortest_is_named() -> None:
    existing = {"b": ["c"], "c": ["d"], "d": ["a"], "x": ["y"], "y": ["a"]}
    assert chain.find_cycle("a", ["x", "b"], existing) == ("a", "y", "x", "a")
    assert chain.find_cycle("a", ["b", "x"], existing) == ("a", "y", "x", "a")


def test_what_a_job_followed_before_does_not_count() -> None:
    chain.refuse_cycle("task:a", ["task:b"], {"task:a": ["task:c"], "task:c": ["task:a"]})


def test_a_long_cycle_is_found_without_recursion_and_reported_in_short() -> None:
    count = 20_000
    existing = {f"task:{number + 1}": [f"task:{number}"] for number in range(count)}
    with pytest.raises(InvalidMember) as refused:
        chain.refuse_cycle("task:0", [f"task:{count}"], existing)
    assert "task:4 -> (19992 more) -> task:19997" in refused.value.message
    assert len(refused.value.message) < 300


def test_triggers_that_fan_out_are_looked_at_once() -> None:
    layers = 200
    existing = {
        f"{layer}{side}": [f"{layer + 1}a", f"{layer + 1}b"]
        for layer in range(layers)
        for side in "ab"
    }
    assert chain.find_cycle("job", ["0a", "0b"], existing) is None
