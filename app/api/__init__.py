"""HTTP: authentication, formats, limits and errors of all requests; one room for each dialect."""
