"""Pure rules of waking: values and decisions, no I/O, `now` always an argument."""
