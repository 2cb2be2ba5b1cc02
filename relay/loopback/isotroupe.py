"""ISO 8583 ATMs as a troupe: the fleet behind the port that a load drives.

Owns their listener's configuration, and cutovers for the core to post. It must never know another dialect. The trap: a
cutover's date is the only thing by which an ATM can tell one message of the core from another, so each terminal is told one
date after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from relay.loopback.books import Books, Fate
from relay.loopback.customers import Customers
from relay.loopback.deeds import AtmPolicy
from relay.loopback.fleet import Fleet, FleetSettings
from relay.loopback.report import Conservation, LedgerLine, Listed, compare
from relay.loopback.tally import Tally
from relay.loopback.troupe import HOST, Part, Post, Site

CONFIG = """
[[listener]]
name = "atm"
dialect = "iso8583"
endpoint = "tcp:{port}:interface={host}"
reply_deadline_ms = {reply_deadline_ms}
connection_count_max = {links_max}
connection_count_per_host_max = {links_max}
[listener.profile.totals]
answer = "compared"
"""
EVENING_S = 15.0  # to settle what is under way, and again to have the totals answered
FIRST_DATE = date(2026, 1, 1)
DATES = 365
CUTOVER = "201"


def atm_site(port: int, terminals: int, host: str = HOST) -> Site:
    return Site(
        config=CONFIG.replace("{port}", str(port)).replace("{host}", host),
        address=f"{host}:{port}",
        note=f"ISO 8583:1987, ASCII, length in four digits; {terminals} fake ATMs",
    )


class IsoTroupe:
    """`target` is where the relay listens."""

    name, peers, key_word = "iso8583", "ATMs", "iso8583"
    customer_waits = True

    def __init__(
        self,
        part: Part,
        customers: Customers,
        policy: AtmPolicy,
        target: tuple[str, int],
        framing: str = "ascii4",
        encoding: str = "ascii",
    ) -> None:
        self.tally = Tally()
        self.books = Books()
        self._target = target
        self._posted = 0
        settings = FleetSettings(
            host=target[0],
            port=target[1],
            terminals=part.terminals,
            rate_per_s=part.rate_per_s,
            think_ms=part.think_ms,
            framing=framing,
            encoding=encoding,
            seed=part.seed,
        )
        self.fleet = Fleet(settings, policy, customers, self.books, self.tally)

    async def prepare(self) -> None:
        """Nothing: the ATMs dial."""

    def site(self) -> Site:
        host, port = self._target
        return atm_site(port, len(self.fleet.terminals), host)

    def start(self) -> None:
        self.fleet.start()

    def peer_count(self) -> int:
        return len(self.fleet.terminals)

    def present_count(self) -> int:
        return self.fleet.signed_on_count()

    def open_doors(self) -> None:
        self.fleet.serve_customers()

    def close_doors(self) -> None:
        self.fleet.send_customers_home()

    async def evening(self) -> None:
        """Every ATM states its totals."""
        await self.fleet.state_totals(EVENING_S)

    def unsettled_count(self) -> int:
        return self.fleet.unsettled_count()

    async def stop(self) -> None:
        await self.fleet.stop()

    def next_post(self) -> Post | None:
        """A cutover for the next terminal; each round tells the next date."""
        turn, place = divmod(self._posted, len(self.fleet.terminals))
        self._posted += 1
        day = FIRST_DATE + timedelta(days=turn % DATES)
        return Post(
            listener="atm",
            kind="cutover",
            line=self.fleet.terminals[place].mind.terminal,
            body={"business_date": day.isoformat()},
            mark=f"{CUTOVER}/{day:%m%d}",
        )

    def heard(self) -> Mapping[tuple[str, str], int]:
        return self.books.told

    def reversed_count(self) -> int:
        return self.books.counts()[Fate.REVERSED]

    def conserve(self, lines: Iterable[LedgerLine], listed: Iterable[Listed], posted_twice: Iterable[str]) -> Conservation:
        return compare(self.books, lines, listed, posted_twice)

    def extras(self) -> Mapping[str, int]:
        acts = list(self.books.acts())
        paid = sum(act.paid - act.retracted for act in acts)
        return {
            "cash_paid_minor": paid,
            "cash_taken_minor": sum(act.taken - act.returned for act in acts),
            "totals_in_balance": self.tally.totals_in_balance,
            "totals_out_of_balance": self.tally.totals_out_of_balance,
        }
