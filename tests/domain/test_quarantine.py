"""Quarantine: however many suspects there are, each cause is alone after few deaths."""

from __future__ import annotations

from math import log2

from hypothesis import given
from hypothesis import strategies as st

from app.domain.quarantine import MAX_GROUP, after_death, choose, is_alone
from app.domain.timings.leases import DEAD_AFTER, SUSPECT_AFTER


def tried(causes: set[int], number: int) -> tuple[dict[int, int], set[int], int]:
    """Try so many suspects, of which `causes` end their process; the deaths of each, and in all.

    Returns how many deaths each cause took until it was alone, who was settled, and all deaths.
    """
    sizes: dict[int, int | None] = dict.fromkeys(range(number))
    deaths: dict[int, int] = dict.fromkeys(causes, 0)
    settled: set[int] = set()
    total = 0
    while sizes:
        _, group = choose(list(sizes.items()))
        if not causes & set(group):
            settled |= set(group)
            for each in group:
                del sizes[each]
            continue
        total += 1
        for each in group:
            if each in deaths:
                deaths[each] += 1
            if len(group) == 1:
                del sizes[each]  # it is found
            else:
                sizes[each] = after_death(SUSPECT_AFTER, len(group)).group_size
    return deaths, settled, total


def test_fifty_untried_suspects_are_called_together() -> None:
    assert choose([(n, None) for n in range(50)]) == (MAX_GROUP, list(range(50)))


def test_one_cause_among_fifty_is_found_in_six_deaths_and_all_others_are_settled() -> None:
    for cause in range(50):
        deaths, settled, total = tried({cause}, 50)
        assert total == deaths[cause] <= 6
        assert settled == set(range(50)) - {cause}


@given(st.data())
def test_however_many_causes_there_are_each_is_found(data: st.DataObject) -> None:
    number = data.draw(st.integers(1, 300))
    causes = data.draw(st.sets(st.integers(0, number - 1), max_size=5))

    deaths, settled, _ = tried(causes, number)

    assert settled == set(range(number)) - causes
    assert all(each <= log2(number) + 1 for each in deaths.values())


def test_who_comes_late_joins_a_group_of_its_size_only_as_long_as_there_is_room() -> None:
    late = [("a", 25), ("b", None), ("c", 25), ("d", 12)]

    assert choose(late, size=25, under_way=24) == (25, ["a"])
    assert choose(late, size=25, under_way=10) == (25, ["a", "c"])
    assert choose(late, size=25, under_way=25) == (25, [])
    assert choose([], size=25, under_way=10) == (25, [])


def test_a_death_with_others_is_not_held_against_a_suspect() -> None:
    assert after_death(0, None) == (1, None)
    assert after_death(SUSPECT_AFTER - 1, 7) == (SUSPECT_AFTER, None)
    assert after_death(SUSPECT_AFTER, 50) == (SUSPECT_AFTER, 25)
    assert after_death(SUSPECT_AFTER, 3) == (SUSPECT_AFTER, 1)
    assert after_death(SUSPECT_AFTER, 1) == (SUSPECT_AFTER + 1, 1)
    # As the release before has tried it.
    assert after_death(DEAD_AFTER - 1, None) == (DEAD_AFTER, 1)


def test_alone_is_who_had_its_process_to_itself() -> None:
    assert [is_alone(size) for size in (None, 1, 2)] == [True, True, False]
