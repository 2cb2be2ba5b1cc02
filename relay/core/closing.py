"""How a TCP connection ends: in order, or by a reset.

Owns one socket option. It must never close anything. The trap: the event loops' `abort` closes like a `close` that does not
wait. The peer sees an orderly end, and where it is too starved to look, its kernel keeps the request and the connection, and
ours a half-closed one, sixty seconds each: what is given up must be reset.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from typing import Any, Final

_RESET: Final = struct.pack("ii", 1, 0)  # struct linger: on, no time
_IN_ORDER: Final = struct.pack("ii", 0, 0)


def reset_on_close(sock: Any) -> None:
    """From now on the close of `sock` is a TCP reset, which drops what is not sent or not read yet. Nothing happens where it is
    closed already."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)


def close_in_order(sock: Any) -> None:
    """Undo `reset_on_close`: what is written reaches the peer before the end does."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _IN_ORDER)
