"""The whole of Wakecall in its real processes, as `make run` starts them."""
