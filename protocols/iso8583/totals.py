"""Reconciliation messages (05xx): their totals read as a statement, and our own written back beside them.

Owns the columns per version, which kinds each of them counts, and the balance that a 0510 or 0530 tells. It must never know a
link or a journal. The traps: an amount is nothing without its currency (DE 50, else 49); a statement is a claim of the far end,
so it is never corrected, only answered; and "in balance" is said only of what was compared, so a message whose totals we could
not count ourselves is answered as taken and no more.

Sources: ISO 8583:1987 and 1993 data elements 15, 28, 50, 66 (1987: settlement code), 74-90, 97; action codes 500 to 503 of
1993. The values of DE 66 (1 in balance, 2 out of balance) are as networks of 1987 use them [G], and can be set. DE 74 of
2003 is the composite of pairs.py; DE 75 of 2003 is one whose inside our sources do not tell, and is not compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Literal, TypeAlias

import msgspec

from protocols.iso8583 import defaults, pairs
from protocols.iso8583.dates import dashed, day_of
from protocols.iso8583.keys import compile_terminal, date_reader
from protocols.iso8583.mapping import BadValue, Currencies, any_date
from protocols.iso8583.message import IsoMessage, Value
from protocols.iso8583.mti import fold
from protocols.iso8583.profile import Iso8583Profile
from protocols.totals import OwnSum, Total, TotalsStated, weigh
from protocols.vocabulary import Money

Fields: TypeAlias = Mapping[int, Value]
Balance: TypeAlias = Literal["in", "out", "unknown"]

COUNT_MAX: Final = 10**10 - 1
AMOUNT_MAX: Final = 10**16 - 1
SETTLEMENT_CODE: Final = 66
NET: Final = 97


class Column(msgspec.Struct, frozen=True):
    """The elements of one family: how many and how much was done, and the same taken back. 0: the version has none."""

    count: int
    amount: int = 0
    undone_count: int = 0
    undone_amount: int = 0


_1987: Final = {
    "credits": Column(74, 86, 75, 87),
    "debits": Column(76, 88, 77, 89),
    "transfers": Column(78, 0, 79),
    "inquiries": Column(80),
    "authorisations": Column(81),
}
COLUMNS: Final[dict[str, dict[str, Column]]] = {
    "1987": _1987,
    "1993": {
        **_1987,
        "inquiries": Column(80, 0, 82),
        "payments": Column(83, 0, 84),
        "authorisations": Column(81, 0, 90),
    },
    "2003": {"credits": Column(0), "debits": Column(0)},  # in DE 74, see pairs.py
}
_PARTS: Final = {"reversal": "taken back", "chargeback": "charged back"}
_FAMILY_OF_DIGIT: Final = {"0": "debits", "1": "debits", "2": "credits", "3": "inquiries", "4": "transfers", "5": "payments"}


def kinds_of(profile: Iso8583Profile) -> dict[str, tuple[str, ...]]:
    """Family -> the kinds that its column counts: by the first digit of a kind's lowest processing code, as the standard groups
    them, unless the profile says otherwise."""
    families: dict[str, str] = {}
    for code, kind in sorted(profile.all_processing_codes().items(), key=lambda row: row[0][-2:]):
        family = "authorisations" if code.startswith("1:") else _FAMILY_OF_DIGIT.get(code[-2:][0], "")
        families.setdefault(kind, family)
    families.update(defaults.FAMILIES)
    families.update(profile.totals.kinds)
    columns = COLUMNS[profile.version]
    if profile.version == "1987":
        families = {kind: "debits" if family == "payments" else family for kind, family in families.items()}
    return {name: tuple(sorted(kind for kind, family in families.items() if family == name)) for name in columns}


class Reconciliation(IsoMessage, frozen=True):
    """A 05xx that was compared with our own totals. `added`: what its answer adds, ours in the columns that it stated."""

    balance: Balance = "unknown"
    added: dict[int, Value] = {}


class Statements:
    """Compiled once per listener. `wall_ms` is UTC epoch milliseconds."""

    def __init__(self, profile: Iso8583Profile, wall_ms: Callable[[], int]) -> None:
        self._profile = profile
        self._wall_ms = wall_ms
        self._columns = COLUMNS[profile.version]
        self._kinds = kinds_of(profile)
        self._currencies = Currencies(profile.currency_exponents)
        self._terminal_of = compile_terminal(profile)
        self._key_date = date_reader(profile)
        self._date_elements = (15, 13) if profile.version == "1987" else (28, 15)

    def read(self, message: IsoMessage) -> TotalsStated | None:
        """What a 05xx states; None where it states nothing that can be compared. Raises BadValue naming the element."""
        fields = message.fields
        day = day_of(self._wall_ms())
        trace, key_date = fields.get(11), self._key_date(fields, day)
        if not isinstance(trace, str) or key_date is None:
            return None  # without an identity it is refused where every such message is
        currency, lines = self._lines(fields)
        if not lines:
            return None
        rules = self._profile.totals
        return TotalsStated(
            id=f"{fold(message.mti)}/{trace}/{key_date}",
            party=self._terminal_of(fields) if rules.party == "terminal" else "",
            business_date=self.date(fields, day),
            source=fold(message.mti),
            currency=currency,
            lines=lines,
            mode=rules.mode,
            wants_ours=rules.answer == "compared",
        )

    def date(self, fields: Fields, day: int) -> str:
        """The business date that a statement names, YYYY-MM-DD, "" where it names none. Raises BadValue."""
        for element in self._date_elements:
            value = fields.get(element)
            if isinstance(value, str) and value.strip("0"):
                whole = any_date(value, day)
                if whole is None:
                    raise BadValue(f"DE {element}: a date")
                return dashed(whole)
        return ""

    def _lines(self, fields: Fields) -> tuple[str, tuple[Total, ...]]:
        if self._profile.version == "2003":
            return self._lines_of_pairs(fields)
        code = fields.get(50) or fields.get(49) or self._profile.currency_default
        currency = ""
        lines: list[Total] = []
        for name, column in self._columns.items():
            for count_at, amount_at, is_undone in (
                (column.count, column.amount, False),
                (column.undone_count, column.undone_amount, True),
            ):
                count, amount = _digits(fields, count_at), _digits(fields, amount_at)
                if count is None and amount is None:
                    continue
                money = None if amount is None else self._money(amount, code)
                currency = currency if money is None else money.currency
                lines.append(
                    Total(
                        name=f"{name} taken back" if is_undone else name,
                        count=None if count is None else int(count),
                        minor=None if money is None else money.minor,
                        kinds=self._kinds[name],
                        undone=is_undone,
                    )
                )
        return currency, tuple(lines)

    def _lines_of_pairs(self, fields: Fields) -> tuple[str, tuple[Total, ...]]:
        """2003. Chargebacks are none of the exchanges here: shown where there are some, and never judged."""
        value = fields.get(pairs.PRIMARY)
        if value is None:
            return "", ()
        code, exponent = self._unit(fields)
        currency = ""
        lines: list[Total] = []
        for pair in pairs.read_pairs(value):
            money = self._currencies.money_with_exponent(f"{code}{exponent}{pair.amount:012}")
            currency = money.currency
            if pair.part == "chargeback" and not (pair.amount or pair.count):
                continue
            lines.append(
                Total(
                    name=pair.family if not pair.part else f"{pair.family} {_PARTS[pair.part]}",
                    count=pair.count,
                    minor=money.minor,
                    kinds=() if pair.part == "chargeback" else self._kinds[pair.family],
                    undone=pair.part == "reversal",
                )
            )
        return currency, tuple(lines)

    def _unit(self, fields: Fields) -> tuple[str, int]:
        """2003: the numeric currency of the amounts and their decimals, of DE 97 or else as on this link. Raises BadValue."""
        net = fields.get(NET)
        if net is not None:
            return pairs.currency_of_net(net)
        if not self._profile.currency_default:
            raise BadValue("DE 97: the currency of the amounts")
        money = self._currencies.money("0", self._profile.currency_default)
        return self._currencies.wire(money)[0], self._currencies.decimals(money.currency)

    def _money(self, digits: str, code: Value | None) -> Money:
        if not isinstance(code, str) or not code:
            raise BadValue("DE 50: the currency of the amounts")
        return self._currencies.money(digits, code)

    # ---- the answer ------------------------------------------------------------------------------------------------------
    def compared(self, message: IsoMessage, stated: TotalsStated, ours: tuple[OwnSum, ...] | None) -> Reconciliation:
        """The same message, with the balance and what its answer adds."""
        if ours is None:
            return Reconciliation(message.mti, message.fields, message.header, message.wide)
        of_kinds = {line.kinds: own for line, own in zip(stated.lines, ours, strict=True)}
        agrees = all(row.agrees for row in weigh(stated.lines, of_kinds.get))
        balance: Balance = "in" if agrees else "out"
        added: dict[int, Value] = {}
        if self._profile.version == "1987":
            rules = self._profile.totals
            added[SETTLEMENT_CODE] = rules.in_balance if agrees else rules.out_of_balance
        if self._profile.version == "2003":
            added[pairs.PRIMARY] = self._own_pairs(message.fields, of_kinds, stated.currency)
            return Reconciliation(message.mti, message.fields, message.header, message.wide, balance, added)
        for name, column in self._columns.items():
            own = of_kinds.get(self._kinds[name])
            if own is not None:
                self._put_own(added, message.fields, column, own, stated.currency)
        self._put_net(added, message.fields, stated, of_kinds.values())
        return Reconciliation(message.mti, message.fields, message.header, message.wide, balance, dict(sorted(added.items())))

    def _put_own(self, added: dict[int, Value], fields: Fields, column: Column, own: OwnSum, currency: str) -> None:
        """Ours in the elements that were stated: done and undone apart where the far end has them apart, else what is left."""
        has_undone = column.undone_count in fields or column.undone_amount in fields
        for element, value, is_amount in (
            (column.count, own.done_count if has_undone else own.count, False),
            (column.undone_count, own.undone_count, False),
            (column.amount, own.done_minor if has_undone else own.minor, True),
            (column.undone_amount, own.undone_minor, True),
        ):
            if element in fields:
                added[element] = self._wire(value, currency, is_amount)

    def _own_pairs(self, fields: Fields, ours: Mapping[tuple[str, ...], OwnSum], currency: str) -> Value:
        """2003: DE 74 with our own figures: done and undone apart where the far end has them apart, else what is left. Its
        chargebacks, which nobody counts here, stay as they came."""
        value = fields[pairs.PRIMARY]
        _, exponent = self._unit(fields)
        put: dict[tuple[str, pairs.Part], tuple[int, int]] = {}
        for pair in pairs.read_pairs(value):
            own = ours.get(self._kinds[pair.family])
            if own is None or pair.part != "reversal":
                continue
            has_undone = bool(pair.amount or pair.count)
            done = OwnSum(own.done_count, own.done_minor) if has_undone else OwnSum(own.count, own.minor)
            undone = (own.undone_minor, own.undone_count) if has_undone else (0, 0)
            put[pair.family, ""] = self._at(done.done_minor, currency, exponent), done.done_count
            put[pair.family, "reversal"] = self._at(undone[0], currency, exponent), undone[1]
        return pairs.with_pairs(value, put)

    def _at(self, minor: int, currency: str, exponent: int) -> int:
        return self._currencies.at_exponent(Money(minor, currency), exponent)

    def _wire(self, value: int, currency: str, is_amount: bool) -> str:
        if not is_amount:
            return f"{min(value, COUNT_MAX):010}"
        wire = self._currencies.wire(Money(value, currency))[1]
        return f"{min(max(wire, 0), AMOUNT_MAX):016}"

    def _put_net(self, added: dict[int, Value], fields: Fields, stated: TotalsStated, ours: Iterable[OwnSum]) -> None:
        """DE 97 of ours, where the far end stated one: the letter as it uses it, else D where debits are more than credits."""
        theirs = fields.get(NET)
        if not isinstance(theirs, str) or not stated.currency:
            return
        debits, credits_ = self._kinds["debits"], self._kinds["credits"]
        own = net_of((line.kinds, own_.minor) for line, own_ in _once(stated.lines, ours))
        net = own.get(debits, 0) - own.get(credits_, 0)
        said = net_of((line.kinds, -(line.minor or 0) if line.undone else line.minor or 0) for line in stated.lines)
        said_net = said.get(debits, 0) - said.get(credits_, 0)
        is_debit = net >= 0
        if said_net and theirs[:1] in "CD" and (theirs[0] == "D") != (said_net > 0):
            is_debit = not is_debit
        added[NET] = f"{'D' if is_debit else 'C'}{self._wire(abs(net), stated.currency, True)}"


def _once(lines: Iterable[Total], ours: Iterable[OwnSum]) -> list[tuple[Total, OwnSum]]:
    """Each set of kinds with its one sum."""
    first: dict[tuple[str, ...], Total] = {}
    for line in lines:
        first.setdefault(line.kinds, line)
    return list(zip(first.values(), ours, strict=True))


def net_of(rows: Iterable[tuple[tuple[str, ...], int]]) -> dict[tuple[str, ...], int]:
    """Amounts summed by their kinds."""
    sums: dict[tuple[str, ...], int] = {}
    for kinds, minor in rows:
        sums[kinds] = sums.get(kinds, 0) + minor
    return sums


def _digits(fields: Fields, element: int) -> str | None:
    value = fields.get(element) if element else None
    if value is None:
        return None
    if not (isinstance(value, str) and value.isascii() and value.isdigit()):
        raise BadValue(f"DE {element}: digits")
    return value
