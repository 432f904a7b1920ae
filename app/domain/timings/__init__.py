"""Timings: the numbers that decide when calls happen, each defined once with unit and reason.

They are in one package because they depend on one another. `claiming` has the numbers of the
scheduler, `notifying` those of the way from the scheduler to a worker, `leases` those of a run that
a worker holds, `settling` those of writing results to PostgreSQL, and `limits` those of accounts
that have more runs to begin than they may.
A number belongs here if changing it changes when a call happens, or how long a takeover takes.
"""
