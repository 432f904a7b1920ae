"""Agent: what a test asks of a server, and what it gets, as an agent does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx2
from flask import Flask
from mcp.client import Client
from mcp_types import CallToolResult, ElicitResult

from wakecall import AsyncClient
from wakecall.mcp.one_key import OneKey
from wakecall.mcp.server import build

T = TypeVar("T")
Conversation = Callable[[Client], Awaitable[T]]


class InThread(httpx2.AsyncBaseTransport):
    """Carries requests to an application of WSGI, which a thread runs."""

    def __init__(self, service: Flask) -> None:
        self._transport = httpx2.WSGITransport(service)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        await request.aread()
        return await asyncio.to_thread(self._carry, request)

    def _carry(self, request: httpx2.Request) -> httpx2.Response:
        answer = self._transport.handle_request(request)
        content = answer.read()
        answer.close()
        return httpx2.Response(answer.status_code, headers=answer.headers, content=content)


class Person:
    """Answers questions; `questions` are those that were asked."""

    def __init__(self, *, approves: bool) -> None:
        self._approves = approves
        self.questions: list[str] = []

    async def __call__(self, context: Any, params: Any) -> ElicitResult:
        del context
        self.questions.append(params.message)
        return ElicitResult(action="accept", content={"approved": self._approves})


class Agent:
    """An agent with a key: each call is a conversation of its own with a server in this process."""

    def __init__(
        self, service: Flask, key: str, *, is_read_only: bool = False, person: Person | None = None
    ) -> None:
        self._service = service
        self._key = key
        self._is_read_only = is_read_only
        self._person = person

    def converse(self, conversation: Conversation[T], mode: str = "auto") -> T:
        """What a conversation comes to."""

        async def run() -> T:
            transport = InThread(self._service)
            async with (
                httpx2.AsyncClient(transport=transport) as http,
                AsyncClient(self._key, url="http://localhost", http=http) as wakecall,
            ):
                server = build(OneKey(wakecall, is_read_only=self._is_read_only))
                async with Client(server, mode=mode, elicitation_callback=self._person) as client:
                    return await conversation(client)

        return asyncio.run(run())

    def tools(self) -> list[str]:
        """The names of the tools that are offered."""

        async def ask(client: Client) -> list[str]:
            return [each.name for each in (await client.list_tools()).tools]

        return self.converse(ask)

    def call(self, tool: str, **arguments: Any) -> Any:
        """The document that a tool answers."""
        result = self.attempt(tool, **arguments)
        assert not result.is_error, result.content
        assert result.structured_content is not None
        assert json.loads(text_of(result)) == result.structured_content
        return result.structured_content

    def refusal(self, tool: str, **arguments: Any) -> str:
        """The text with which a tool refuses."""
        result = self.attempt(tool, **arguments)
        assert result.is_error, result.structured_content
        return text_of(result)

    def attempt(self, tool: str, **arguments: Any) -> CallToolResult:
        return self.converse(lambda client: client.call_tool(tool, arguments))

    def read(self, uri: str) -> str:
        """The text of a resource."""

        async def ask(client: Client) -> str:
            (content,) = (await client.read_resource(uri)).contents
            text: str = content.text  # type: ignore[union-attr] # all of Wakecall's are texts
            return text

        return self.converse(ask)


def text_of(result: CallToolResult) -> str:
    (content,) = result.content
    text: str = content.text  # type: ignore[union-attr] # all of Wakecall's are texts
    return text
