"""Scale: the console's pages on an account with very many jobs and runs, statement by statement."""
