"""The relay that dies by its own kill -9 at a named point: `RELAY_DIES_AT=point python -m tests.support.dyingrelay run CONFIG`.

Owns the points, each a moment that a signal from outside could not be aimed at. It must never change what the relay does
before it dies. The trap: bytes given to a socket may leave after the process is gone or never; so what "was sent" is only
known to the far end, and no point says it.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from protocols.ndc.asking import OpenedJournal
from protocols.vocabulary import Approved
from relay.archivist import LoopHand
from relay.exchange.desk import Desk
from relay.exchange.doubt import Doubt
from relay.exchange.saf import Saf
from relay.journal.archive.making import ArchiveFolder
from relay.main import main
from relay.wire.performer import _DEEDS, Performer

# point -> owner of the function, its name, and whether this call of it is meant
POINTS: dict[str, tuple[Any, str, Callable[..., bool]]] = {
    "approved, no intent": (Desk, "answer", lambda desk, entry, answer: isinstance(answer, Approved)),
    "intent, no reply": (Performer, "_send", lambda link, action: action.data[2:3] == b"4"),
    "status, not durable": (Desk, "evidence", lambda *_: True),
    "status durable": (Doubt, "_completed", lambda *_: True),
    "owed answered, not durable": (Saf, "_judge", lambda *_: True),
    "block asked": (Performer, "_ask", lambda link, action: isinstance(action.message, OpenedJournal)),
    "archive synced, not read back": (ArchiveFolder, "_read_back", lambda *_: True),
    "archive renamed, not durable": (ArchiveFolder, "_sync_directory", lambda *_: True),
    "archive durable, not known": (LoopHand, "note_archive", lambda *_: True),
    "archive known, nothing released": (LoopHand, "release", lambda *_: True),
    "archive half released": (LoopHand, "release", lambda hand, name, rows, is_last: is_last),
    "block durable, no acknowledgement": (Performer, "_send", lambda link, action: action.data[2:3] == b"6"),
}


def arm(point: str) -> None:
    owner, name, is_meant = POINTS[point]
    original = getattr(owner, name)

    def deadly(*args: Any, **named: Any) -> Any:
        if is_meant(*args, **named):
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*args, **named)

    setattr(owner, name, deadly)
    for action, deed in _DEEDS.items():
        if deed is original:
            _DEEDS[action] = deadly


if __name__ == "__main__":
    if os.environ.get("RELAY_DIES_AT"):
        arm(os.environ["RELAY_DIES_AT"])
    sys.exit(main(sys.argv[1:]))
