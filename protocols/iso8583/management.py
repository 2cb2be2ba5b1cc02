"""The session of one link at work: who may trade, whose link it is, and what is said to an 08xx message.

Owns the state (its table is session.py), the bar on financial traffic and the terminal that the link speaks for. It must never
know frames or timers, except to cancel the wait for a sign-on. The traps: a sign-on binds the link to its terminal, an echo
does not; and while draining, messages still go to the desk, which refuses what is new: only the journal knows whether a message
was taken before, and a "no" to one that may still be approved is wrong for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from protocols.dialect import Action, Identify, Note, Send, Tell, Timer
from protocols.iso8583 import codes
from protocols.iso8583.dates import dashed
from protocols.iso8583.message import IsoMessage, Value
from protocols.iso8583.rules import LinkRules
from protocols.iso8583.session import INITIAL, TRANSITIONS, Moment, State
from protocols.machine import next_state
from protocols.totals import TotalsKept, TotalsStated
from protocols.vocabulary import Refusal

CUTOVERS_MAX = 4
SIGN_ON = "sign-on"  # the timer that waits for the far end's


def day_over(found: str, names: str) -> str:
    """The business date that a cutover ends, YYYY-MM-DD; "" where it names none. `found` is YYYYMMDD or ""."""
    if not found:
        return ""
    day = date.fromisoformat(dashed(found))
    return (day - timedelta(days=1) if names == "new" else day).isoformat()


class Session:
    __slots__ = ("barred", "cutovers", "rules", "state", "terminal")

    def __init__(self, rules: LinkRules) -> None:
        self.rules = rules
        self.state = INITIAL
        self.barred: Refusal | None = Refusal.NOT_SIGNED_ON if rules.needs_sign_on else None
        self.terminal = ""
        self.cutovers: dict[str, IsoMessage] = {}  # whose end of a date is on its way to disk

    @property
    def is_signed_on(self) -> bool:
        """True where financial traffic is taken: signed on, or no sign-on is required."""
        return self.barred is None and self.state is not State.CLOSED

    def move(self, moment: Moment) -> None:
        self.state = next_state(TRANSITIONS, self.state, moment)
        if self.state is State.SIGNED_ON:
            self.barred = None
        elif self.state is State.SIGNED_OFF:
            self.barred = Refusal.NOT_SIGNED_ON
        elif self.state in (State.CONNECTED, State.SIGNING_ON):
            self.barred = Refusal.NOT_SIGNED_ON if self.rules.needs_sign_on else None

    def signed_on(self, actions: list[Action]) -> None:
        if self.state is State.DRAINING:
            return  # the answer to our sign-on came too late to matter
        if self.barred is not None and self.rules.session.sign_on_wait_ms:
            actions.append(Timer(SIGN_ON, None))
        was_up = self.state is State.SIGNED_ON
        self.move(Moment.SIGNED_ON)
        actions.append(Note("signed-on", self.terminal))
        if not was_up:
            actions.append(Tell("session-up", {"terminal": self.terminal}))

    def signed_off(self, actions: list[Action]) -> None:
        was_up = self._is_up
        self.move(Moment.SIGNED_OFF)
        self.barred = Refusal.NOT_SIGNED_ON
        actions.append(Note("signed-off", self.terminal))
        if was_up:
            actions.append(Tell("session-down", {"terminal": self.terminal, "reason": "signed off"}))

    def closed(self, reason: str, actions: list[Action]) -> None:
        if self._is_up:
            actions.append(Tell("session-down", {"terminal": self.terminal, "reason": reason}))
        self.move(Moment.CLOSED)

    @property
    def _is_up(self) -> bool:
        return self.state is State.SIGNED_ON or (self.state is State.DRAINING and self.barred is None)

    # ---- messages -------------------------------------------------------------------------------------------------------
    def may_ask(self, message: IsoMessage, actions: list[Action]) -> bool:
        """Whether a message goes to the desk; if not, it has been refused."""
        if self.barred is not None:
            self.refuse(message, self.barred, f"{message.mti} before sign-on", actions)
        else:
            return not self.rules.one_terminal or self._is_ours(message, actions, bind=True)
        return False

    def manage(self, message: IsoMessage, actions: list[Action]) -> None:
        """Answer an 08xx request or advice and do what it wants."""
        rules = self.rules
        code = message.fields.get(rules.network_element)
        wanted = rules.actions.get(code) if isinstance(code, str) else None
        if rules.one_terminal and not self._is_ours(message, actions, bind=False):
            return
        if wanted is None:
            problem = "network code is missing" if code is None else f"network code {code!r:.16} is unknown"
            self.refuse(message, Refusal.UNSUPPORTED, problem, actions, codes.FUNCTION_NOT_SUPPORTED)
        elif wanted == "sign-on":
            if self.state is State.DRAINING:
                self.refuse(message, Refusal.DRAINING, "sign-on", actions)
                return
            if rules.one_terminal:
                self._is_ours(message, actions, bind=True)
            self._accept(message, {}, actions)
            self.signed_on(actions)
        elif wanted == "sign-off":
            self._accept(message, {}, actions)
            self.signed_off(actions)
        elif wanted == "echo":
            self._accept(message, {}, actions)
            actions.append(Note("echo-received"))
        elif wanted == "cutover":
            self._cut_over(message, actions)
        else:
            self._exchange_keys(message, actions)

    def _cut_over(self, message: IsoMessage, actions: list[Action]) -> None:
        if self.barred is not None:
            self.refuse(message, self.barred, "cutover before sign-on", actions)
            return
        found = self.rules.business_date(message.fields)
        over = day_over(found, self.rules.cutover_names)
        trace = message.fields.get(11)
        stated = TotalsStated(
            id=f"cutover/{trace if isinstance(trace, str) else ''}/{over or found}",
            party=self.terminal,
            business_date=over,
            source=message.mti,
            closes=True,
        )
        if len(self.cutovers) >= CUTOVERS_MAX:
            self.refuse(message, Refusal.OVERLOADED, f"more than {CUTOVERS_MAX} cutovers wait", actions)
        elif stated.id in self.cutovers:
            self.cutovers[stated.id] = message  # said again before the first was on disk: one answer, to the newest
        else:
            self.cutovers[stated.id] = message
            actions.append(stated)

    def cutover_kept(self, event: TotalsKept, actions: list[Action]) -> None:
        """The end of a date is durable, or it is not acknowledged. A date that ended before ends only once."""
        message = self.cutovers.pop(event.id, None)
        if message is None:
            return
        if event.result == "failed":
            self.refuse(message, Refusal.NO_JOURNAL, "cutover", actions)
            return
        found = self.rules.business_date(message.fields)
        business_date = dashed(found) if found else ""
        self._accept(message, {}, actions)
        actions.append(Note("cutover", business_date))
        actions.append(Tell("cutover", {"terminal": self.terminal, "business_date": business_date}))

    def _exchange_keys(self, message: IsoMessage, actions: list[Action]) -> None:
        hook = self.rules.key_exchange
        why = "key exchange"
        try:
            given = None if hook is None else hook(message)
            added = None if given is None else dict(given)
        except Exception as error:  # noqa: BLE001  the bank's code; its text may hold a key
            added, why = None, f"key exchange: the hook failed ({type(error).__name__})"
        if added is None:
            self.refuse(message, Refusal.UNSUPPORTED, why, actions, codes.FUNCTION_NOT_SUPPORTED)
        else:
            self._accept(message, added, actions)
            actions.append(Note("key-exchanged", self.terminal))

    def _accept(self, message: IsoMessage, added: Mapping[int, Value], actions: list[Action]) -> None:
        data = self.rules.written(message, self.rules.codes[codes.NETWORK_ACCEPTED], added, "network")
        actions.append(Note("reply-unwritable", message.mti) if data is None else Send(data))

    def refuse(self, message: IsoMessage, reason: Refusal, detail: str, actions: list[Action], word: str = "") -> None:
        """Refuse with the dialect's code (that of `word`, where given) if the sender can be identified, else silently."""
        actions.append(self.rules.refusal(message, reason, detail, knows_terminal=bool(self.terminal), word=word))

    def _is_ours(self, message: IsoMessage, actions: list[Action], *, bind: bool) -> bool:
        """On a link of one terminal: bind it to the first that speaks, refuse every other."""
        terminal = self.rules.terminal_of(message.fields)
        if terminal == self.terminal or not terminal:
            return True
        if self.terminal:
            self.refuse(message, Refusal.UNKNOWN_TERMINAL, "the link of another terminal", actions)
            return False
        if bind:
            self.terminal = terminal
            actions.append(Identify(terminal))
        return True
