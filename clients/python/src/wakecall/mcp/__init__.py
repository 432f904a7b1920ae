"""MCP: a server of the Model Context Protocol, through which agents look at an account and book.

`wakecall mcp` serves one key over standard input and output; `wakecall mcp --http` serves each
request with the key that it carries.
"""
