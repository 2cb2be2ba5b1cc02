"""What every link of one listener shares: codec and framing with MAC, the tables per configuration id, and our own
messages.

Owns `LinkRules`, compiled once, so that a dialogue holds only what differs from link to link. It must never hold the state
of a link. The trap: the MAC is computed over the body without its last FS and MAC, so that it is written last, and checked
before anything of a request is believed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from protocols.errors import FieldError, LocalMisuse
from protocols.framing import wrap
from protocols.ndc import defaults
from protocols.ndc import fields as f
from protocols.ndc.asking import Cash, OpenedRequest
from protocols.ndc.codec import decode_terminal, encode
from protocols.ndc.frame import CHARSET
from protocols.ndc.hooks import NO_HOOKS, GuardedHooks, Hooks
from protocols.ndc.load import Load, LoadStep
from protocols.ndc.message import (
    DataCommand,
    EmvConfiguration,
    HostMessage,
    JournalCommand,
    TerminalCommand,
    TerminalMessage,
    TransactionReply,
    TransactionRequest,
)
from protocols.ndc.operations import Tables, compile_tables
from protocols.ndc.profile import NdcProfile
from protocols.ndc.replies import ReplyParts, print_groups, reply_buffers
from protocols.primitives import by_alpha

HOW_TO_ATTACH = 'name one with hooks = "package.module:attribute"'


class LinkRules:
    """See the module. `wall_ms` is UTC epoch milliseconds, for the clock we set."""

    def __init__(self, profile: NdcProfile, load: Load | None, wall_ms: Callable[[], int], hooks: Hooks = NO_HOOKS) -> None:
        self.profile = profile
        self.session = profile.session
        self.framing = profile.all_framing()
        self.load = load
        self.cash = cash_of(profile)
        self.hooks = GuardedHooks(hooks)
        self._security = profile.security
        self._wall_ms = wall_ms
        self._tables = {name: compile_tables(profile, name) for name in (defaults.ANY_CONFIG, *profile.configs)}
        if (profile.security.requests or profile.security.replies or profile.security.loads) and hooks.mac is None:
            raise LocalMisuse(f"a MAC is wanted, but no MAC hook is attached; {HOW_TO_ATTACH}", "security")

    # ---- tables ------------------------------------------------------------------------------------------------------
    def tables(self, config_id: str) -> Tables:
        """The tables of a configuration id; those of "*" where it has none of its own."""
        return self._tables.get(config_id) or self._tables[defaults.ANY_CONFIG]

    def accepts(self, config_id: str) -> bool:
        """May an ATM with this configuration id trade? The wanted one; without one, any that is not the empty 0000."""
        wanted = self.profile.config_id
        return config_id == wanted if wanted else config_id != "0000"

    # ---- reading -----------------------------------------------------------------------------------------------------
    def read(self, body: bytes, terminal: str) -> TerminalMessage:
        """Raises FieldError, also for a missing or wrong MAC."""
        has_mac = self._security.requests
        message = decode_terminal(body, has_mac)
        if has_mac and isinstance(message, TransactionRequest):
            covered = body[: -(1 + len(message.mac))]
            if not message.mac or not self.hooks.is_right(terminal, covered, message.mac):
                raise FieldError("mac", max(0, len(body) - 8), "the message authentication of this request")
        return message

    # ---- writing -----------------------------------------------------------------------------------------------------
    def frame(self, message: HostMessage, terminal: str, *, with_mac: bool = False) -> bytes:
        """The frame around a message of ours. Raises LocalMisuse where it is too long, or its MAC cannot be had."""
        body = encode(message)
        if with_mac:
            body += (f.FS + self.hooks.compute(terminal, body)).encode(CHARSET)
        return wrap(self.framing, body)

    def luno(self, theirs: str) -> str:
        return theirs if self.profile.luno == "echo" else ""

    def command(self, name: str, luno: str) -> TerminalCommand:
        """Raises LocalMisuse for a name that is no command."""
        code = f.COMMANDS.get(name)
        if code is None:
            raise LocalMisuse(f"no terminal command is called {name!r:.40}", "command")
        return TerminalCommand(luno=self.luno(luno), sequence=self.profile.sequence, code=code)

    def customisation(self, step: LoadStep, luno: str, terminal: str) -> bytes:
        """The frame of one message of a load."""
        if step.table:
            return self.frame(
                EmvConfiguration(
                    luno=self.luno(luno), table=step.table, data=step.data, has_sequence=self.profile.emv_sequence
                ),
                terminal,
            )
        message = self._data("1", step.identifier, step.data, luno)
        with_mac = self._security.loads and step.identifier in (f.STATES_LOAD, f.FIT_LOAD)
        return self.frame(message, terminal, with_mac=with_mac)

    def key_load(self, subclass: str, modifier: str, field: str, luno: str) -> DataCommand:
        return self._data(subclass, modifier, (field,) if field else (), luno)

    def clock(self, luno: str) -> DataCommand:
        """Date and time as YYMMDDhhmm, local time of the ATMs [P]."""
        local = datetime.fromtimestamp(self._wall_ms() / 1000, UTC) + timedelta(minutes=self.session.utc_offset_minutes)
        return self._data("1", f.CLOCK_LOAD, (f"{local:%y%m%d%H%M}",), luno)

    def journal_options(self) -> JournalCommand:
        first, *rest = self.session.journal_options.split("FS")
        return JournalCommand("3", first, tuple(rest))

    def journal_acknowledged(self, last: str) -> bytes:
        return self.frame(JournalCommand("1", last), "")

    def _data(self, subclass: str, identifier: str, data: tuple[str, ...], luno: str) -> DataCommand:
        return DataCommand(
            luno=self.luno(luno), sequence=self.profile.sequence, subclass=subclass, identifier=identifier, data=data
        )

    # ---- replies -----------------------------------------------------------------------------------------------------
    def reply(self, message: OpenedRequest, parts: ReplyParts, tsn: int) -> bytes:
        """The frame of a decided reply. Raises LocalMisuse or UnicodeEncodeError for what cannot be written."""
        return self._reply_frame(message.request, parts, tsn, message.terminal)

    def plain_reply(self, request: TransactionRequest, config_id: str, word: str, tsn: int, terminal: str) -> bytes:
        """A reply of the dialogue's own: a refusal, or the recovery after a fault. The profile's check: it never dispenses."""
        rule = self.tables(config_id).decline(word)
        parts = ReplyParts(rule.next_state, rule.function, rule.screen, f.CARD_FLAGS[rule.card])
        return self._reply_frame(request, parts, tsn, terminal)

    def _reply_frame(self, request: TransactionRequest, parts: ReplyParts, tsn: int, terminal: str) -> bytes:
        width = max(4, len(self.cash.denominations))
        notes = "".join(f"{count:02}" for count in (*parts.notes, *((0,) * width))[:width])
        message = TransactionReply(
            luno=self.luno(request.luno),
            sequence=request.tvn or self.profile.sequence,  # the time variant number is echoed
            next_state=parts.next_state,
            notes=notes,
            tsn=f"{tsn:04}",
            function=parts.function,
            screen=parts.screen,
            mcn=request.mcn,
            card_flag=parts.card_flag,
            prints=print_groups(parts),
            buffers=reply_buffers(parts),
        )
        return self.frame(message, terminal, with_mac=self._security.replies)


def cash_of(profile: NdcProfile) -> Cash:
    """Raises LocalMisuse where the currency has no minor unit."""
    exponent = by_alpha(profile.currency)[1]
    if exponent is None:
        raise LocalMisuse("a currency with a minor unit", "currency")
    decimals = exponent if profile.amount_decimals is None else profile.amount_decimals
    scale = 10 ** (exponent - decimals) if exponent >= decimals else -(10 ** (decimals - exponent))
    return Cash(
        profile.currency, scale, profile.denominations, profile.notes_max, dict(profile.note_types), profile.note_count_digits
    )


def show_amount(cash: Cash) -> Callable[[int], str]:
    """An amount as a receipt shows it."""
    exponent = by_alpha(cash.currency)[1] or 0

    def show(minor: int) -> str:
        if not exponent:
            return f"{minor:,}"
        whole, part = divmod(abs(minor), 10**exponent)
        return f"{'-' if minor < 0 else ''}{whole:,}.{part:0{exponent}}"

    return show
