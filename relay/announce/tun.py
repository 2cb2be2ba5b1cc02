"""The service address on a device that exists only as long as this process: the dead man's handle of the announcement.

Owns the device: made, given its addresses, closed. The device is a TUN without persistence, so the kernel removes it, its
addresses and every route to them the moment the last descriptor is closed, and it closes all descriptors of a process that
dies, however it dies. BIRD's `direct` protocol sees the address go and withdraws; nobody has to notice that we are dead. It
must never know BIRD. The traps: attaching to a persistent device of the same name would keep the address alive after us, so
persistence is taken away first; a hanging process keeps its descriptors (systemd's watchdog kills it, BFD does not see it); and
to hold the descriptor is not to have the address, for a network manager may flush what it does not know, so it is looked for.

Ioctl numbers and layouts: linux/if_tun.h, linux/sockios.h, linux/if.h (struct ifreq, 40 bytes) and linux/ipv6.h
(struct in6_ifreq), the same on every 64-bit Linux.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import ipaddress
import os
import socket
import struct
from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from relay.errors import RelayError
from relay.telemetry.log import get_log

log = get_log("announce")
TUN_PATH = "/dev/net/tun"
_TUNSETIFF = 0x400454CA
_TUNSETPERSIST = 0x400454CB
_IFF_TUN_NO_PI = 0x1001
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _SIOCSIFADDR = 0x8913, 0x8914, 0x8916
_DISCARD_PORT = 9
_ADDRESSES6 = "/proc/self/net/if_inet6"  # one line each: address in hex, index, prefix length, scope, flags, device
_IFF_UP = 0x1
_FLAGS = struct.Struct("16sH22x")  # struct ifreq with ifr_flags
_ADDRESS = struct.Struct("16sHH4s16x")  # struct ifreq with ifr_addr as a sockaddr_in
_ADDRESS6 = struct.Struct("16sIi")  # struct in6_ifreq: address, prefix length, index

CALM_LOOKS = 60
LEAVE_ALONE = "Tell the network manager of this host to leave the device alone: docs/announce.md."

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_NEXT_STEPS = {
    errno.ENOENT: "The host needs the tun module, the unit DeviceAllow=/dev/net/tun and PrivateDevices=no: docs/announce.md.",
    errno.ENXIO: "The host needs the tun module: modprobe tun.",
    errno.EPERM: "The unit needs CAP_NET_ADMIN in the host's user namespace: see the drop-in in docs/announce.md.",
    errno.EACCES: "The unit needs DeviceAllow=/dev/net/tun rw: see the drop-in in docs/announce.md.",
    errno.EBUSY: "Another process holds the device: is a second relay running? Give each its own announce.device.",
}


class DeviceFailed(RelayError):
    """The kernel would not make the device, or not give it an address."""


class ServiceDevice:
    """Made in the constructor, gone after `close` (about 15 ms in the kernel) or with the process.

    Args:
        name: of the device, at most 15 characters.
        addresses: IPv4 and IPv6 addresses as text; each becomes a host address (/32, /128).

    Raises DeviceFailed, with nothing left behind.
    """

    def __init__(self, name: str, addresses: Sequence[str], tun_path: str = TUN_PATH) -> None:
        self.name = name
        self._addresses = tuple(ipaddress.ip_address(address) for address in addresses)
        self._descriptor = -1
        label = name.encode()
        try:
            self._descriptor = os.open(tun_path, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
            fcntl.ioctl(self._descriptor, _TUNSETIFF, _FLAGS.pack(label, _IFF_TUN_NO_PI))
            fcntl.ioctl(self._descriptor, _TUNSETPERSIST, 0)
            self._raise(label)
            for address in self._addresses:
                self._add(label, address)
        except OSError as error:
            self.close()
            step = _NEXT_STEPS.get(error.errno or 0, "")
            raise DeviceFailed(f"the device {name} cannot be made: {error.strerror}.", step) from error

    def _raise(self, label: bytes) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            _, flags = _FLAGS.unpack(fcntl.ioctl(asking, _SIOCGIFFLAGS, _FLAGS.pack(label, 0)))
            fcntl.ioctl(asking, _SIOCSIFFLAGS, _FLAGS.pack(label, flags | _IFF_UP))

    def _add(self, label: bytes, address: Address) -> None:
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        with socket.socket(family, socket.SOCK_DGRAM) as asking:
            if address.version == 4:
                request = _ADDRESS.pack(label, socket.AF_INET, 0, address.packed)
            else:
                request = _ADDRESS6.pack(address.packed, 128, socket.if_nametoindex(self.name))
            fcntl.ioctl(asking, _SIOCSIFADDR, request)

    def missing(self) -> tuple[str, ...]:
        """The addresses that somebody took away from outside, or all of them where the device was taken down or removed. No
        address where the kernel cannot be asked (no descriptor is left, no memory): that is no word about them."""
        label = self.name.encode()
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
                _, flags = _FLAGS.unpack(fcntl.ioctl(asking, _SIOCGIFFLAGS, _FLAGS.pack(label, 0)))
                found = self._found() if flags & _IFF_UP else set()
        except OSError as error:
            if error.errno != errno.ENODEV:
                return ()
            found = set()
        return tuple(str(address) for address in self._addresses if address not in found)

    def _found(self) -> set[Address]:
        found: set[Address] = {address for address in self._addresses if address.version == 4 and _is_local(address)}
        if any(address.version == 6 for address in self._addresses):
            with open(_ADDRESSES6) as lines:
                rows = [line.split() for line in lines]
            found.update(ipaddress.IPv6Address(bytes.fromhex(row[0])) for row in rows if row[-1] == self.name)
        return found

    @property
    def is_open(self) -> bool:
        return self._descriptor >= 0

    def close(self) -> None:
        """Harmless when it is closed already."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(descriptor)


def _is_local(address: Address) -> bool:
    """Whether this host would send to itself. Asked of the routes and not of the device (SIOCGIFADDR), for that waits for a
    lock that a routing daemon or a namespace that goes may hold, and this is asked in the loop. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probing:
        try:
            probing.connect((str(address), _DISCARD_PORT))
        except OSError as error:
            if error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL):
                return False
            raise
        return bool(probing.getsockname()[0] == str(address))


class Device(Protocol):
    def missing(self) -> tuple[str, ...]: ...

    def close(self) -> None: ...


class DeviceHolder:
    """The device, made when it is first needed. `make` makes it or raises DeviceFailed; `failed` is told when it does. What is
    taken away from outside is put back once: a route that comes and goes with each look would reset the sessions of both
    centers, again and again, and no damping would see it."""

    def __init__(self, make: Callable[[], Device], failed: Callable[[], None]) -> None:
        self._make, self._failed = make, failed
        self._device: Device | None = None
        self._calm_looks = CALM_LOOKS  # since it was taken away

    def hold(self) -> str:
        """Returns why it cannot be made, "" where it is there."""
        if self._device is None:
            try:
                self._device = self._make()
            except DeviceFailed as error:
                self._failed()
                return f"{error.problem} {error.next_step}".strip()
        return ""

    def keep(self) -> str:
        """At each look: where it is held and something of it was taken away from outside, it is made anew; and let go where
        that was so within the last CALM_LOOKS. Returns as `hold`."""
        if self._device is None:
            return ""
        self._calm_looks += 1
        if not (missing := self._device.missing()):
            return ""
        is_again, self._calm_looks = self._calm_looks <= CALM_LOOKS, 0
        log.error(
            "the service address was taken away from outside", addresses=missing, is_again=is_again, next_step=LEAVE_ALONE
        )
        self._failed()
        self.let_go()
        return f"the service address is taken away from outside, again and again. {LEAVE_ALONE}" if is_again else self.hold()

    def let_go(self) -> None:
        device, self._device = self._device, None
        if device is not None:
            device.close()
