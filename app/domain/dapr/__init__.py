"""Dapr: the schedules of Dapr's Jobs API; reading them, their ticks, what may be booked.

`ticks` is all that the trigger needs and leans on no other trigger; `booking` and `preview` lean
on the trigger. The dialect is that of Dapr 1.18 (tests/vectors/dapr.json), its endless loops
refused.
"""
