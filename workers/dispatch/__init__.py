"""Dispatch: the runs that one worker has leased, from the take to the settlement."""
