"""Names: how the paths and keys of a run name jobs, their firings, and aborts of their runs.

A path is `<account>/<kind>/…`. One call of a one-time job is named by its path, a firing of a
recurring one by its path and due time. A runner of Fusion is told on the path of the job that a run
was aborted; that call is named by the run.
"""

from __future__ import annotations

from typing import Final

RECURRING: Final = frozenset({"cron", "dapr", "fusion"})
"""The kinds of jobs with many firings."""

FUSION: Final = "fusion"
JOB: Final = "chaos"
"""The id of each Fusion job; its type differs."""

ABORT: Final = "abort"


def kind_of(path: str) -> str:
    """The kind of the job that is called on a path."""
    return path.partition("/")[2].partition("/")[0]


def key_of(path: str, due: float) -> str:
    """The name of one firing of a recurring job."""
    return f"{path}@{round(due * 1000)}"


def abort_of(path: str, run: str) -> str:
    """The name of the call that tells the runner of a job that one of its runs was aborted."""
    return f"{path}/{ABORT}/{run}"


def name_of(path: str, due: float) -> str:
    """The name of a call on a path, of which that of an abort has its run already."""
    if kind_of(path) not in RECURRING or f"/{ABORT}/" in path:
        return path
    return key_of(path, due)
