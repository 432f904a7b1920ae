"""Keystrokes: single keys that a person presses while a command waits for something else."""

from __future__ import annotations

import os
import select
import termios
import threading
import tty
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress


@contextmanager
def pressed(descriptor: int, actions: Mapping[str, Callable[[], None]]) -> Iterator[None]:
    """Run the action of each key that is pressed on a terminal, in a thread, until the block ends.

    The end of input ends this, and nothing else: a terminal that is closed, or input that is taken
    away, must not end a command that waits for calls. Ctrl-C works as always.
    """
    before = termios.tcgetattr(descriptor)
    reading, ending = os.pipe()
    thread = threading.Thread(target=_read, args=(descriptor, reading, actions), daemon=True)
    try:
        tty.setcbreak(descriptor, termios.TCSANOW)
        thread.start()
        yield
    finally:
        os.write(ending, b"x")
        thread.join()
        os.close(reading)
        os.close(ending)
        with suppress(termios.error):  # the terminal may be gone
            termios.tcsetattr(descriptor, termios.TCSANOW, before)


def _read(descriptor: int, ended: int, actions: Mapping[str, Callable[[], None]]) -> None:
    while True:
        ready, _, _ = select.select([descriptor, ended], [], [])
        if ended in ready:
            return
        try:
            key = os.read(descriptor, 1).decode("utf-8", "replace")
        except OSError:
            return
        if not key:
            return
        if key in actions:
            actions[key]()
