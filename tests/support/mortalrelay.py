"""The relay that dies at a named point: `RELAY_DIES_AT=point RELAY_DIES_NTH=n python -m tests.support.mortalrelay run CONFIG`.

Owns the start of the real daemon with one plug of tests/support/deathpoints.py in it. A point among the traffic counts only
after SIGUSR1; one of the start or the end counts at once. Without RELAY_DIES_AT it is the relay, unchanged.
"""

from __future__ import annotations

import os
import signal
import sys

from relay.main import main
from tests.support.deathpoints import Plug


def put_in(name: str, nth: int) -> None:
    import relay.daemon  # noqa: F401  everything that a plug may sit in

    plug = Plug(name, nth)
    plug.arm()

    def live(*_: object) -> None:
        plug.live = True

    signal.signal(signal.SIGUSR1, live)


if __name__ == "__main__":
    if os.environ.get("RELAY_DIES_AT"):
        put_in(os.environ["RELAY_DIES_AT"], int(os.environ.get("RELAY_DIES_NTH", "1")))
    sys.exit(main(sys.argv[1:]))
