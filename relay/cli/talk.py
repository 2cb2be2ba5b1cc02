"""One connection to a listener, for the tools that say something to it.

Owns how it is made (plain or TLS) and how its failure reads. It must never know what is said.
"""

from __future__ import annotations

import argparse
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from relay.errors import ConfigurationError, RelayError

EXIT_UNEXPECTED = 5
READ_BYTES = 65_536


class NotAnswered(RelayError):
    """The listener could not be reached, hung up, was silent, or answered what cannot be read."""

    exit_code = 1


@contextmanager
def connected(args: argparse.Namespace) -> Iterator[socket.socket]:
    """A connection to the target. Raises NotAnswered."""
    host, _, port = args.target.rpartition(":")
    if not host or not port.isdecimal():
        raise ConfigurationError(f'"{args.target}": expected HOST:PORT.')
    try:
        with socket.create_connection((host.strip("[]"), int(port)), args.timeout_ms / 1_000) as plain:
            if not args.tls:
                yield plain
                return
            context = ssl.create_default_context(cafile=args.authorities)
            if args.certificate is not None:
                context.load_cert_chain(args.certificate)
            with context.wrap_socket(plain, server_hostname=host.strip("[]")) as secured:
                yield secured
    except (OSError, OverflowError) as error:
        raise NotAnswered(f"{args.target}: {error}.", "Is the listener up, and this host allowed?") from error
