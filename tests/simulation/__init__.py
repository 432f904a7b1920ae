"""Simulation: the real scheduler, workers and web in one process, under a clock that is played.

A seed draws jobs, what their clients do, how their receivers answer, and faults. Time goes from one
thing to do to the next, so that a year takes about a minute; the database is real and is told the
time. Afterwards a model, which knows nothing of the service's code, says what each receiver was to
get, and the checker compares.

`python -m tests.simulation` plays seeds; docs/guarantees.md tells what each check holds.
"""
