"""MCP server of Wakecall."""
