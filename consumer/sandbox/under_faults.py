"""What a request comes to when a fault is in force, for every one of LiveIntent's hosts alike."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from consumer.sandbox.faults import Fault, FaultKind
from consumer.sandbox.liveintent_wire import Answer, fault_answer

DROPPED: Final = 0
"""Stands for the status of a request whose connection was dropped without an answer."""


async def under_fault(
    fault: Fault | None, effect: Callable[[], Awaitable[Answer]]
) -> Answer | None:
    """What a request comes to under a fault; None stands for a dropped connection."""
    if fault is None:
        return await effect()
    match fault.kind:
        case FaultKind.RESET:
            return None
        case FaultKind.RESET_AFTER_EFFECT:
            await effect()
            return None
        case FaultKind.DELAY_SECONDS:
            await asyncio.sleep(fault.delay_seconds)
            return await effect()
        case FaultKind.DELAY_AFTER_EFFECT:
            answer = await effect()
            await asyncio.sleep(fault.delay_seconds)
            return answer
        case _:
            return fault_answer(fault)


def response_of(request: web.Request, answer: Answer | None) -> web.Response:
    """The answer as it goes out; for None the connection is dropped."""
    if answer is None:
        if request.transport is not None:
            request.transport.abort()
        return web.Response()  # goes nowhere
    return web.Response(
        status=answer.status,
        body=answer.body,
        content_type=answer.content_type,
        headers=dict(answer.headers),
    )
