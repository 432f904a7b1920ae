"""Documents of the native API: the members of each, and the values of the domain they stand for."""
