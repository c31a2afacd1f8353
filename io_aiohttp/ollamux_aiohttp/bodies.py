"""Reads the body of a request: whole, within its limits of size and time, or piece by piece for an upload.

Rules: a body that has come with its head costs nothing; what is too large or too slow is refused before it is read to
its end, and the connection is closed after that.
"""

from __future__ import annotations

import asyncio

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_exceptions import HTTPException

from ollamux.errors import InvalidRequest, SlowBody, TooLarge
from ollamux_aiohttp.driver import Driver

__all__ = ("ask_for_body", "read_whole", "stream_body")


async def read_whole(request: web.BaseRequest, limit: int, patience: float) -> bytes:
    """The body. Raises TooLarge over `limit` bytes, SlowBody after `patience` seconds without a byte, InvalidRequest
    where its framing is broken."""
    content = request.content
    length = request.content_length
    if length is not None and length > limit:
        raise TooLarge(f"request body too large: at most {limit} bytes are accepted")
    if content.is_eof():
        whole = content.read_nowait()
        if len(whole) > limit:
            raise TooLarge(f"request body too large: at most {limit} bytes are accepted")
        return whole
    ask_for_body(request)
    pieces: list[bytes] = []
    size = 0
    while True:
        piece = await _next_piece(request, patience)
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            raise TooLarge(f"request body too large: at most {limit} bytes are accepted")


async def stream_body(request: web.BaseRequest, driver: Driver, patience: float) -> None:
    """Hands the body to the exchange as it comes, no faster than the backend takes it."""
    gate = driver.body_gate = asyncio.Event()
    gate.set()
    ask_for_body(request)
    while not driver.over:
        piece = await _next_piece(request, patience)
        if driver.over:
            return
        if not piece:
            driver.body_end()
            return
        driver.body_data(piece)
        await gate.wait()


def ask_for_body(request: web.BaseRequest) -> None:
    """Tells a client that waits to be asked for its body to send it."""
    transport = request.transport
    if request.headers.get("expect", "").lower() == "100-continue" and transport is not None:
        transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


async def _next_piece(request: web.BaseRequest, patience: float) -> bytes:
    try:
        async with asyncio.timeout(patience or None):
            return await request.content.readany()
    except TimeoutError:
        raise SlowBody("the request's body took too long") from None
    except ConnectionError:
        raise InvalidRequest("the client went away") from None
    except (HttpProcessingError, HTTPException, ValueError) as error:
        raise InvalidRequest(f"the request's body is not well framed: {error}") from None
