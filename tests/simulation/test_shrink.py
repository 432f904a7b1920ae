"""A scene that breaks a promise is made smaller, down to the items that it takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from tests.simulation import items
from tests.simulation.clock import BEGIN
from tests.simulation.evidence import Evidence
from tests.simulation.items import Item
from tests.simulation.plan import SHORT
from tests.simulation.play import Result, Scene
from tests.simulation.shrink import Shrinker

NOTHING = Evidence(lives=[], arrivals=[], runs=[], incidents=[], ended=BEGIN, secrets=[])
DAY = 86_400.0


def player(broken: Callable[[Scene], Sequence[str]]) -> Callable[[Scene], Result]:
    """Plays nothing; `broken` tells which promises a scene breaks. Faults never begin."""

    def play(scene: Scene) -> Result:
        return Result(
            scene=scene,
            violations=list(broken(scene)),
            evidence=NOTHING,
            acted=frozenset(each for each in scene.items if each.kind != "fault"),
            killed=0,
            moments=0,
            took_s=0.0,
        )

    return play


def shrunk(broken: Callable[[Scene], Sequence[str]], plays: int = 200) -> Result:
    play = player(broken)
    return Shrinker(play, play(Scene.whole(1, SHORT)), plays).shrink()


@pytest.mark.parametrize("wanted", ["once-7", "once-7 change-31", "recurring-0 dapr-5 rotation-2"])
def test_the_items_remain_that_it_takes(wanted: str) -> None:
    needed = items.parse(wanted)

    def broken(scene: Scene) -> Sequence[str]:
        return ["late: x"] if set(needed) <= set(scene.items) else []

    assert set(shrunk(broken).scene.items) == set(needed)


def test_nothing_begins_later_than_it_has_to() -> None:
    result = shrunk(lambda scene: ["late: x"] if scene.until > 3.1 * DAY else [])
    assert 3.1 * DAY < result.scene.until < 3.5 * DAY


def test_another_broken_promise_is_not_taken_for_the_same() -> None:
    once = Item("once", 3)

    def broken(scene: Scene) -> Sequence[str]:
        return ["late: x"] if once in scene.items else ["missed: y"]

    result = shrunk(broken)
    assert result.scene.items == (once,)
    assert result.violations == ["late: x"]


def test_no_more_is_played_than_was_asked_for() -> None:
    played = []

    def broken(scene: Scene) -> Sequence[str]:
        played.append(scene)
        return ["late: x"]

    shrunk(broken, plays=5)
    assert len(played) == 1 + 5


def test_items_are_read_as_they_are_written() -> None:
    assert items.parse(items.written(SHORT.items)) == SHORT.items
    assert items.parse("dapr-change-3") == (Item("dapr-change", 3),)
    with pytest.raises(ValueError, match="fault-3"):
        items.parse("fault")


def test_an_item_is_drawn_by_itself() -> None:
    drawn = {each: each.chance(4).random() for each in SHORT.items}
    assert len(set(drawn.values())) == len(drawn)
    assert Item("fault", 2).chance(4).random() == drawn[Item("fault", 2)]
    assert Item("fault", 2).chance(5).random() != drawn[Item("fault", 2)]
