"""`python -m relay.loopback.lab.wire LAB DELAY_MS LOSS`: the middles of all delayed cables, where the kernel has no netem.

Owns the packet sockets. It must never decide what becomes of a frame (shaping.py does). The traps: a sender whose offloads
are on hands over frames of 64 KB without checksums, so they are switched off at the real ends; and a packet socket hears what
it sent itself, too, which is left out. Its share of the CPU is the lab's to tell: it is Python, and carries a few thousand
frames a second.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import random
import selectors
import socket
import struct
import sys
from functools import partial

from relay.clock import SystemClock
from relay.loopback.lab.door import enter, entered
from relay.loopback.lab.laying import WIRES, Wire, namespace, wires
from relay.loopback.lab.shaping import Cable
from relay.loopback.lab.topology import two_centers

ETH_P_ALL = 3
PACKET_OUTGOING = 4
FRAME_BYTES_MAX = 65_536
FRAMES_AT_ONCE = 64
_SIOCETHTOOL = 0x8946
_OFFLOADS = (0x15, 0x17, 0x1F, 0x24, 0x2C)  # ETHTOOL_SRXCSUM, STXCSUM, STSO, SGSO, SGRO


def offloads_off(device: str) -> None:
    """In this thread's namespace. What a device does not know is left."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        for command in _OFFLOADS:
            value = bytearray(struct.pack("II", command, 0))
            address = (ctypes.c_char * len(value)).from_buffer(value)
            request = struct.pack("16sP", device.encode(), ctypes.addressof(address))
            with contextlib.suppress(OSError):
                fcntl.ioctl(asking, _SIOCETHTOOL, request)


class Forwarder:
    """Frames between pairs of devices of this namespace."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._ways: list[tuple[Cable, socket.socket]] = []
        self._clock = SystemClock()

    def join(self, left: str, right: str, delay_ms: float, loss: float, seed: int = 1) -> None:
        ends = [_packet_socket(left), _packet_socket(right)]
        for number, (here, there) in enumerate((ends, ends[::-1])):
            cable = Cable(delay_ms, loss, random.Random(f"{seed}/{left}/{number}").random)
            self._ways.append((cable, there))
            self._selector.register(here, selectors.EVENT_READ, partial(self._take, here, cable))

    def turn(self, patience_s: float = 1.0) -> None:
        """Wait for a frame, or for one that is due; then carry what there is."""
        waits = [cable.next_ms() for cable, _ in self._ways]
        due_ms = min((at for at in waits if at is not None), default=None)
        wait_s = patience_s if due_ms is None else max(0.0, min(patience_s, (due_ms - self._now_ms()) / 1_000))
        for key, _ in self._selector.select(wait_s):
            key.data()
        now_ms = self._now_ms()
        for cable, there in self._ways:
            for frame in cable.due(now_ms):
                with contextlib.suppress(OSError):  # the far end is down or its queue full: a cable says nothing
                    there.send(frame)

    def _take(self, here: socket.socket, cable: Cable) -> None:
        for _ in range(FRAMES_AT_ONCE):
            try:
                frame, (_, _, kind, *_) = here.recvfrom(FRAME_BYTES_MAX)
            except OSError:
                return
            if kind != PACKET_OUTGOING:
                cable.take(frame, self._now_ms())

    def _now_ms(self) -> float:
        return self._clock.monotonic_us() / 1_000


def _packet_socket(device: str) -> socket.socket:
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    made.bind((device, 0))
    made.setblocking(False)
    return made


def main(lab: str, some: tuple[Wire, ...]) -> None:
    for wire in some:
        for node, device in wire.ends:
            with entered(namespace(lab, node)):
                offloads_off(device)
    enter(namespace(lab, WIRES))
    forwarder = Forwarder()
    for wire in some:
        for device in (wire.left, wire.right):
            offloads_off(device)
        forwarder.join(wire.left, wire.right, wire.delay_ms, wire.loss)
    while True:
        forwarder.turn()


if __name__ == "__main__":
    main(sys.argv[1], wires(two_centers(float(sys.argv[2]), float(sys.argv[3]))))
