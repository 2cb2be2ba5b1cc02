"""The port of a dialect kit whose profiles may name code of the bank: message authentication, key exchange.

Owns `HookedKit`, optional beside `protocols.dialect.DialectKit`. It must never import what a profile names: importing reads
files, and is done by whoever builds. The trap: a kit without this port is built by `build` and must not notice that it exists.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from protocols.dialect import Dialect

HOOKS_PATTERN = r"^([A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*)?$"  # "package.module:attribute"


@runtime_checkable
class HookedKit(Protocol):
    """A kit whose profile may name code of the bank: keys, message authentication. Optional."""

    @property
    def hooks_type(self) -> type:
        """What the named attribute must be an instance of."""
        ...

    def hooks_named(self, profile: object) -> str:
        """The profile's "package.module:attribute", or "" for none: then `build` is called."""
        ...

    def build_hooked(
        self, profile: object, read_text: Callable[[str], str], wall_ms: Callable[[], int], hooks: object
    ) -> Dialect:
        """As `build`, with the object that the profile names. Raises LocalMisuse naming the profile path at fault."""
        ...
