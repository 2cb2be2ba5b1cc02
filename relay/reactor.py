"""The one place that makes the event loop and puts Twisted's reactor on it.

Owns the choice of loop (uvloop where it is installed) and the order: the reactor is installed on a loop that runs already, and
asyncio owns it, signals included. The trap: `twisted.internet.reactor` imported anywhere before this installs another one.
"""

from __future__ import annotations

import asyncio
from typing import Any


def new_loop() -> asyncio.AbstractEventLoop:
    """uvloop's loop where the package is installed, else asyncio's own."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


def install_reactor(loop: asyncio.AbstractEventLoop) -> Any:
    """Twisted's reactor on the running `loop`, started, without its signal handlers."""
    from twisted.internet import asyncioreactor

    asyncioreactor.install(loop)  # type: ignore[no-untyped-call]  # Twisted does not annotate it
    from twisted.internet import reactor as installed  # noqa: TID251  the one place

    reactor: Any = installed
    reactor.startRunning(installSignalHandlers=False)
    return reactor
