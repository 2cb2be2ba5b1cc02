"""How the tools find the running relay: the same two options for each of them."""

from __future__ import annotations

import argparse
import os

from relay.configfile import check
from relay.consolesettings import ControlSettings
from relay.control.client import ControlClient
from relay.errors import ConfigurationError
from relay.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--socket", metavar="PATH", help="control socket (default: $RELAY_SOCKET, else /run/relay/control.sock)")
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
    return os.environ.get("RELAY_SOCKET") or ControlSettings().path


def settings_of(file: str) -> Settings:
    """The settings of a file. Raises ConfigurationError with the first mistake, where `relay check` shows them all."""
    checked = check(file)
    if checked.settings is None:
        raise ConfigurationError(checked.mistakes[0].text(), f"All of them: relay check {file}")
    return checked.settings
