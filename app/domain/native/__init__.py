"""Native: the triggers of jobs booked through the API /1, their limits, and their preview.

This package imports neither `dapr` nor `fusion`; app/domain/trigger.py unites the three.
"""
