"""Timings: every number that rules the firing path, each once, with its unit and its reason.

They stand together because each leans on another: what one makes faster, another must leave room
for. `claiming` has the scheduler's numbers, `notifying` those of the way from scheduler to worker,
`leases` those of a run that a worker holds, `settling` those of the way back into PostgreSQL,
`limits` those of an account that has more to begin than it may.
A number belongs here if changing it changes when a call happens, or how long a takeover takes.
"""
