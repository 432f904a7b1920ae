"""Native: the triggers of jobs booked through the API /1, their limits, and their preview.

Imports neither of its sisters, `dapr` and `fusion`; app/domain/trigger.py unites the three.
"""
