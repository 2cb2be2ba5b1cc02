"""Twisted's own parsers of endpoint strings, without a reactor.

Owns the call. It must never bind, connect or judge. The trap: importing them takes a good part of a start, so only
endpoints.py asks, and only about a string that is not plain.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from twisted.internet.endpoints import clientFromString, serverFromString
from twisted.internet.interfaces import IReactorPluggableNameResolver
from zope.interface import implementer  # type: ignore[import-untyped]  # it ships no types

_Parser = Callable[[object, str], object]


@implementer(IReactorPluggableNameResolver)
class _Unused:
    """Stands where the parsers want a reactor, which they only keep."""

    nameResolver = None

    def installNameResolver(self, resolver: object) -> None:
        raise TypeError("reading an endpoint string resolves nothing")


def read_server(endpoint: str) -> object:
    """Raises whatever Twisted's parser does."""
    return cast(_Parser, serverFromString)(_Unused(), endpoint)


def read_client(endpoint: str) -> object:
    """Raises whatever Twisted's parser does."""
    return cast(_Parser, clientFromString)(_Unused(), endpoint)
