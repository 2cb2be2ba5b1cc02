"""Whether this host, and this user, can hold and announce the service address that `[announce]` names.

Owns the checks that look. It must never make a device or talk to BIRD. The trap: what is missing shows itself only when the
address is to be announced, which may be at night; and `relay check` is run by an operator, so that what only the service may
do is a warning.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path as FilePath

from relay.configuration.regions import Wrong
from relay.servicesettings import AnnounceSettings

TUN_PATH = FilePath("/dev/net/tun")
CAPABILITIES = FilePath("/proc/self/status")
_CAP_NET_ADMIN = 12  # linux/capability.h


def check_announce_here(
    announce: AnnounceSettings, tun: FilePath = TUN_PATH, capabilities: FilePath = CAPABILITIES
) -> Iterator[Wrong]:
    """Whether this host, and this user, can do it. What only the service may is a warning."""
    if announce.adapter == "none":
        return
    where = ("announce", "device")
    if not tun.exists():
        yield Wrong(
            where, f"there is no {tun}: the service address cannot be held", "modprobe tun; a container needs the device"
        )
    elif not os.access(tun, os.R_OK | os.W_OK) or not _may_administer(capabilities):
        yield Wrong(
            where,
            "this user may not make a network device",
            "the unit needs the drop-in of docs/announce.md; check as root to be sure of the rest",
            is_warning=True,
        )
    path = FilePath(announce.control_socket)
    socket_at = ("announce", "control_socket")
    if announce.adapter == "bird":
        yield from _bird_socket(socket_at, path)
    elif not path.parent.is_dir():
        is_run = path.parent.is_relative_to("/run")
        yield Wrong(socket_at, f"there is no directory {path.parent}", f"mkdir {path.parent}", is_warning=is_run)


def _bird_socket(where: tuple[str, str], path: FilePath) -> Iterator[Wrong]:
    try:
        is_socket = stat.S_ISSOCK(path.stat().st_mode)
    except PermissionError:
        yield Wrong(where, f"{path} cannot be seen by this user", "SupplementaryGroups=bird in the unit", is_warning=True)
        return
    except OSError:
        yield Wrong(where, f"there is no socket {path}", "is BIRD running? systemctl status bird", is_warning=True)
        return
    if not is_socket:
        yield Wrong(where, f"{path} is no socket", "birdc -s names it")
    elif not os.access(path, os.R_OK | os.W_OK):
        yield Wrong(where, f"{path} may not be used by this user", "SupplementaryGroups=bird in the unit", is_warning=True)


def _may_administer(capabilities: FilePath) -> bool:
    try:
        found = re.search(r"^CapEff:\s*([0-9a-f]+)$", capabilities.read_text(encoding="ascii"), re.MULTILINE)
    except OSError:
        return True
    return found is None or bool(int(found[1], 16) >> _CAP_NET_ADMIN & 1)
