"""How the tools find the running relay: the same two options for each of them.

Owns the one door through which a tool reads a configuration file. The trap: reading one takes pydantic, Twisted's endpoints
and the dialects, far more than the rest of a tool; at three in the morning somebody waits for it. So they are imported when a
file is read, which with a socket, from the environment or the usual one, is never.
"""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from relay.control.client import ControlClient
from relay.errors import ConfigurationError
from relay.places import CONTROL_SOCKET

if TYPE_CHECKING:
    from relay.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--socket", metavar="PATH", help=f"control socket (default: $RELAY_SOCKET, else {CONTROL_SOCKET})")
    group.add_argument("--config", metavar="FILE", help="configuration file that names the control socket")


def client(args: argparse.Namespace) -> ControlClient:
    """A client for the relay that the arguments mean. Raises ConfigurationError."""
    return ControlClient(socket_path(args))


def socket_path(args: argparse.Namespace) -> str:
    if args.socket is not None:
        return str(args.socket)
    if args.config is not None:
        return settings_of(args.config).control.path
    return usual_path()


def usual_path() -> str:
    """Where nobody names one."""
    return os.environ.get("RELAY_SOCKET") or CONTROL_SOCKET


def settings_of(file: str) -> Settings:
    """The settings of a file. Raises ConfigurationError with the first mistake, where `relay check` shows them all."""
    from relay.configfile import check  # see the header

    checked = check(file)
    if checked.settings is None:
        raise ConfigurationError(checked.mistakes[0].text(), f"All of them: relay check {file}")
    return checked.settings
