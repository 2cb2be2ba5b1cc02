"""What every link of one listener shares: routes by MTI, network codes, limits, and the messages that we send ourselves.

Owns `LinkRules`, compiled once, so that a dialogue holds only what differs from link to link, and a message costs one look-up.
It must never hold the state of a link. The trap: an MTI that we do not know is still either a question or an answer, and an
answer is never answered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from protocols.dialect import Refuse
from protocols.errors import LocalMisuse, ProtocolError
from protocols.iso8583 import codes
from protocols.iso8583.dates import clock_text, day_of
from protocols.iso8583.hooks import KeyExchange
from protocols.iso8583.keys import compile_terminal
from protocols.iso8583.mapping import any_date
from protocols.iso8583.message import IsoMessage, Value
from protocols.iso8583.mti import Route, route, routes_of
from protocols.iso8583.profile import Iso8583Profile
from protocols.iso8583.replies import Responder
from protocols.iso8583.speaker import Speaker
from protocols.iso8583.totals import Statements
from protocols.vocabulary import Refusal

TRACE_MAX = 999_999


class LinkRules:
    """See the module. `wall_ms` is UTC epoch milliseconds, for the clock fields of our own messages."""

    def __init__(
        self, profile: Iso8583Profile, speaker: Speaker, wall_ms: Callable[[], int], key_exchange: KeyExchange | None
    ) -> None:
        session = profile.session
        table = profile.all_codes()
        self.session = session
        self.speaker = speaker
        self.responder = Responder(profile, speaker.framing)
        self.key_exchange = key_exchange
        self.terminal_of = compile_terminal(profile)
        self.one_terminal = session.terminals_per_link == "one"
        self.needs_sign_on = session.sign_on == "required"
        self.codes = table
        self.routes = routes_of(profile.version_digit)
        self.network_element = profile.network_element
        self.actions = profile.all_network_codes()
        self.accepted = frozenset({table[codes.NETWORK_ACCEPTED], table[codes.APPROVED]})
        self.statements = Statements(profile, wall_ms)
        self.cutover_names = profile.totals.cutover_date
        self._wall_ms = wall_ms
        self._version = profile.version
        self._request_mti = f"{profile.version_digit}80{'0' if profile.version == '1987' else '4'}"
        self._code_of: dict[str, str] = {}
        for code, action in self.actions.items():
            self._code_of.setdefault(action, code)
        self._constant = {int(number): value for number, value in session.network_fields.items()}
        self._trace_digits = 12 if profile.version == "2003" else 6
        if session.we_sign_on or session.idle_echo_ms:
            self.check_commands()

    def check_commands(self) -> None:
        """Raises LocalMisuse where a message of our own could not be written."""
        for name in ("sign-on", "sign-off", "echo"):
            if name not in self._code_of:
                raise LocalMisuse(f"no code means {name}", "session.network_codes")
            self.speaker.write(self.command(name, 1, b""))

    def route(self, mti: str) -> Route:
        """Where a message of any version goes."""
        found = self.routes.get(mti)
        if found is not None:
            return found
        other = route(mti)
        return Route.UNKNOWN if other in (Route.DESK, Route.NETWORK) else other

    def command(self, name: str, trace: int, data: bytes) -> IsoMessage:
        """A network management request of ours. `data`: for "cutover" the business date as YYYYMMDD, for "key-exchange" the
        content of DE 96. Raises LocalMisuse for an unknown name or data that has no place."""
        code = self._code_of.get(name)
        if code is None:
            raise LocalMisuse(f"no network code means {name}", "session.network_codes")
        when = clock_text(self._wall_ms())
        fields: dict[int, Value] = {7: when[4:], 11: f"{trace:0{self._trace_digits}}"}
        if self._version != "1987":
            fields[12] = when[2:] if self._version == "1993" else when
        fields[self.network_element] = code
        if name == "cutover" and data:
            fields[15] = self._settlement_date(data)
        elif name == "key-exchange" and data:
            fields[96] = data
        fields.update(self._constant)
        return IsoMessage(self._request_mti, dict(sorted(fields.items())))

    def _settlement_date(self, data: bytes) -> str:
        digits = data.decode("ascii", "replace").replace("-", "")
        whole = any_date(digits, 0) if len(digits) == 8 else None
        if whole is None:
            raise LocalMisuse("a business date as YYYYMMDD", "data")
        return {"1987": whole[4:], "1993": whole[2:], "2003": whole}[self._version]

    def can_answer(self, message: IsoMessage, knows_terminal: bool) -> bool:
        """Whether a refused message says enough of its sender to be answered: time, trace, and who."""
        fields = message.fields
        if not message.is_request or not isinstance(fields.get(11), str) or not (7 in fields or 12 in fields):
            return False
        if knows_terminal or self.terminal_of(fields):
            return True
        return message.mti[1] == "8" and (32 in fields or 33 in fields)

    def refusal(self, message: IsoMessage, reason: Refusal, detail: str, *, knows_terminal: bool, word: str = "") -> Refuse:
        """The refusal of a message, with its answer on the wire where the sender may have one."""
        data = None
        if self.can_answer(message, knows_terminal):
            data = self.written(message, self.codes[word or reason], {}, "refused")
        return Refuse(reason, data or b"", detail)

    def written(self, message: IsoMessage, code: str, added: Mapping[int, Value], echo: str) -> bytes | None:
        """The frame of a response with `code`, None where what it echoes or adds cannot be written."""
        try:
            return self.speaker.write(self.responder.made(message, code, added, echo))
        except ProtocolError:
            return None

    def business_date(self, fields: Mapping[int, Value]) -> str:
        """The date that a cutover names (DE 15, else DE 13) as YYYYMMDD, "" where it names none."""
        for number in (15, 13):
            value = fields.get(number)
            if isinstance(value, str) and value.strip("0"):
                return any_date(value, day_of(self._wall_ms())) or ""
        return ""
