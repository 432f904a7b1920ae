"""Benchmarks: Wakecall measured from outside, against yardsticks in the same run (`make bench`)."""
