"""A troupe of nobody, for tests of what drives and reports troupes: it does what the port says and keeps what a test gives.

Owns nothing but that. It must never be used where a real troupe's behaviour matters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from relay.loopback.claims import Claim, hold
from relay.loopback.report import Conservation, LedgerLine, Listed
from relay.loopback.tally import Tally
from relay.loopback.troupe import Post, Site


class SomeTroupe:
    peers = "peers"

    def __init__(self, name: str, *, customer_waits: bool = True) -> None:
        self.name = self.key_word = name
        self.customer_waits = customer_waits
        self.tally = Tally()
        self.present = 1
        self.posts: list[Post] = []
        self.book: dict[tuple[str, str], int] = {}
        self.claims: list[Claim] = []
        self.held: list[LedgerLine] = []

    async def prepare(self) -> None: ...

    def site(self) -> Site:
        return Site(config="", address="", note="")

    def start(self) -> None: ...

    def peer_count(self) -> int:
        return 1

    def present_count(self) -> int:
        return self.present

    def open_doors(self) -> None: ...

    def close_doors(self) -> None: ...

    async def evening(self) -> None: ...

    def unsettled_count(self) -> int:
        return 0

    async def stop(self) -> None: ...

    def next_post(self) -> Post | None:
        return self.posts.pop(0) if self.posts else None

    def heard(self) -> Mapping[tuple[str, str], int]:
        return self.book

    def reversed_count(self) -> int:
        return 0

    def conserve(self, lines: Iterable[LedgerLine], listed: Iterable[Listed], posted_twice: Iterable[str]) -> Conservation:
        self.held = list(lines)
        return hold(self.claims, self.held, listed, posted_twice)

    def extras(self) -> Mapping[str, int]:
        return {}
