"""Which dialects there are: a name per protocol folder, nothing discovered, each loaded when it is first asked for.

Owns the table. A new dialect is one folder and one function here; if anything in `relay/` must change for it, the port is
wrong. The trap: a dialect compiles its field tables and the model of its profile when it is imported, and most relays speak one
or two; so who asks for one by its name gets that one, and only who walks over `values` or `items` loads them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from protocols.dialect import DialectKit


def _iso8583() -> DialectKit:
    from protocols.iso8583.dialect import ISO8583

    return ISO8583


def _ndc() -> DialectKit:
    from protocols.ndc.dialect import NDC

    return NDC


def _branch() -> DialectKit:
    from protocols.branch.dialect import BRANCH

    return BRANCH


def _zrc() -> DialectKit:
    from protocols.zengin.session.dialect import ZRC

    return ZRC


def _zengin_file() -> DialectKit:
    from protocols.zengin.file.dialect import ZENGIN_FILE

    return ZENGIN_FILE


class Shelf(Mapping[str, DialectKit]):
    """Kits by name, made by `loaders` when they are first asked for."""

    def __init__(self, loaders: Mapping[str, Callable[[], DialectKit]]) -> None:
        self._loaders = loaders

    def __getitem__(self, name: str) -> DialectKit:
        return self._loaders[name]()

    def __contains__(self, name: object) -> bool:
        return name in self._loaders  # Mapping's own would load it

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaders)

    def __len__(self) -> int:
        return len(self._loaders)


DIALECTS: Final[Mapping[str, DialectKit]] = Shelf(
    {"iso8583": _iso8583, "ndc": _ndc, "branch-p1": _branch, "zrc": _zrc, "zengin-file": _zengin_file}
)
