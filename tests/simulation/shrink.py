"""Shrink: a scene that breaks a promise is made smaller by itself, as long as it breaks it.

Delta debugging (Zeller and Hildebrandt, 2002) over the items of a scene: jobs, changes and faults
are left out, first many together and then one by one. Each item is drawn by itself, so that those
that are left stay as they were.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tests.simulation.items import Item
from tests.simulation.play import Result, Scene

Play = Callable[[Scene], Result]


@dataclass(slots=True)
class Shrinker:
    """Plays ever smaller scenes, at most `plays` of them, and keeps the smallest that fails."""

    play: Play
    smallest: Result
    plays: int
    on_smaller: Callable[[Result], None] = lambda _result: None
    played: int = 0

    def shrink(self) -> Result:
        """The smallest result found; like the first, it breaks one of the same promises."""
        self._shorten()
        self._leave_out_idle()
        self._leave_out(self.smallest.scene.items)
        return self.smallest

    def _shorten(self) -> None:
        """Let nothing begin after an ever earlier instant."""
        low, high = 0.0, self.smallest.scene.until
        for _ in range(6):
            middle = (low + high) / 2
            if self._fails(replace(self.smallest.scene, until=middle)):
                high = middle
            else:
                low = middle

    def _leave_out_idle(self) -> None:
        """Leave out what has not begun."""
        scene = self.smallest.scene
        acted = tuple(each for each in scene.items if each in self.smallest.acted)
        if acted != scene.items:
            self._fails(replace(scene, items=acted))

    def _leave_out(self, items: Sequence[Item]) -> None:
        """Leave out parts of ever smaller size, until no single item can be left out."""
        size = max(1, len(items) // 2)
        while self.played < self.plays:
            before = len(self.smallest.scene.items)
            at = 0
            while at < len(self.smallest.scene.items):
                kept = self.smallest.scene.items
                fewer = kept[:at] + kept[at + size :]
                if not self._fails(replace(self.smallest.scene, items=fewer)):
                    at += size
            if size == 1 and len(self.smallest.scene.items) == before:
                return
            size = max(1, size // 2)

    def _fails(self, scene: Scene) -> bool:
        """Whether the scene breaks the same promise; then it is the smallest."""
        if self.played >= self.plays:
            return False
        self.played += 1
        result = self.play(scene)
        if not kinds_of(result) & kinds_of(self.smallest):
            return False
        self.smallest = result
        self.on_smaller(result)
        return True


def kinds_of(result: Result) -> set[str]:
    """The kinds of promises that were broken: the first word of each violation."""
    return {each.partition(":")[0] for each in result.violations}
