"""Standard errors that cannot be written: without a reader, or on a full disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress


@contextmanager
def nobody_reads() -> Iterator[int]:
    """A pipe whose reader is gone, as after `2>&1 | head -n 1`."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        yield writer
    finally:
        os.close(writer)


@contextmanager
def full_pipe() -> Iterator[int]:
    """A pipe that is full, whose reader lives and does not read."""
    reader, writer = os.pipe()
    fill(writer)
    try:
        yield writer
    finally:
        os.close(reader)
        os.close(writer)


@contextmanager
def full_disk() -> Iterator[int]:
    """A file that takes nothing: every write fails with ENOSPC."""
    writer = os.open("/dev/full", os.O_WRONLY)
    try:
        yield writer
    finally:
        os.close(writer)


BROKEN: dict[str, Callable[[], AbstractContextManager[int]]] = {
    "nobody reads": nobody_reads,
    "full pipe": full_pipe,
    "full disk": full_disk,
}


def fill(writer: int) -> None:
    """Write to a pipe until not a byte more fits."""
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, b"." * 4096)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, b".")
    os.set_blocking(writer, True)
