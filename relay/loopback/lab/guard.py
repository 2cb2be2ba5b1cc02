"""`python -m relay.loopback.lab.guard LAB`: takes the lab away when whoever holds its standard input is gone, however that
was.

Owns the waiting. It must never end a lab whose owner lives. The trap: it is in a session of its own, so that what ends its
owner does not end it too.
"""

from __future__ import annotations

import subprocess
import sys

from relay.loopback.lab.door import Door
from relay.loopback.lab.registry import folder_of


def watch(lab: str) -> subprocess.Popen[bytes]:
    """Start the guard of a lab; closing its `stdin`, or ending, takes the lab away."""
    return subprocess.Popen(
        [sys.executable, "-m", "relay.loopback.lab.guard", lab],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def main(lab: str) -> None:
    sys.stdin.read()  # to its end: nothing is ever written
    folder = folder_of(lab)
    if folder.exists():
        Door(lab, folder).take_away()


if __name__ == "__main__":
    main(sys.argv[1])
