"""The relay as the bench runs it: the real daemon, which prints "ready" when it serves.

`python -m tests.bench.relayproc CONFIG own|httpx`: "httpx" replaces the transport by httpx's own default pool, to show what the
own transport is for. Owns nothing else.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from relay import daemon
from relay.configfile import load
from relay.control.sdnotify import Notifier


class Announcer(Notifier):
    def ready(self, status: str) -> bool:
        print("ready", flush=True)
        return True


def main(config: str, door: str) -> int:
    daemon.Notifier.from_environment = classmethod(lambda cls, environ: Announcer(None))  # type: ignore[method-assign]
    if door == "httpx":
        from relay.core.httpx_facade import HttpxPoolDoor

        class Door(HttpxPoolDoor):
            def __init__(self, server_name: str, **rest: Any) -> None:
                super().__init__(server_name)

        daemon.Transport = Door  # type: ignore[misc,assignment]
    return daemon.run(load(config), config, dict(os.environ))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
