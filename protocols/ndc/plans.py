"""The plans of a session: which commands, in which order, bring an ATM from silence into service.

Owns the lists of steps; the order is the law of the place: out of service first, keys before anything that carries a MAC,
the configuration id last of a load, in service last of all. It must never send. The trap: only a command without effect on
money or keys may ever be sent twice, so that `may_resend` is written out for each.

Source: protocols/ndc/README.md, session lifecycle [P: our rule].
"""

from __future__ import annotations

from functools import partial

from protocols.ndc.commanding import ANY, CONFIG_ID, COUNTERS, KEY, READY, Step
from protocols.ndc.fields import COMMANDS
from protocols.ndc.rules import LinkRules

GO_IN_SERVICE, GO_OUT_OF_SERVICE = "go-in-service", "go-out-of-service"
SEND_CONFIG_ID, SEND_COUNTERS = "send-configuration-id", "send-supply-counters"
_ANSWERS = {
    GO_IN_SERVICE: READY,
    GO_OUT_OF_SERVICE: READY,
    "go-out-of-service-for-now": READY,
    SEND_CONFIG_ID: CONFIG_ID,
    SEND_COUNTERS: COUNTERS,
}


class Plans:
    """`luno` is what the ATM calls itself, as far as known."""

    __slots__ = ("_rules", "_terminal", "luno")

    def __init__(self, rules: LinkRules, luno: str) -> None:
        self._rules = rules
        self._terminal = ""
        self.luno = luno

    def bind(self, terminal: str, luno: str) -> None:
        self._terminal, self.luno = terminal, luno or self.luno

    def command(self, name: str, outbound_id: str = "", *, may_resend: bool = True) -> Step:
        """A terminal command by name: none of them moves money or keys."""
        if name not in COMMANDS:
            raise KeyError(name)
        return Step(
            name=name,
            frame=lambda: self._rules.frame(self._rules.command(name, self.luno), self._terminal),
            answer=_ANSWERS.get(name, ANY),
            may_resend=may_resend,
            outbound_id=outbound_id,
        )

    def probe(self, *, may_resend: bool) -> list[Step]:
        return [self.command(SEND_CONFIG_ID, may_resend=may_resend)]

    def start(self, *, with_keys: bool, in_service: bool, outbound_id: str = "") -> list[Step]:
        """From a right configuration id into service."""
        rules = self._rules
        steps = [self.command(GO_OUT_OF_SERVICE)]
        if with_keys:
            steps += self.keys()
        if rules.session.read_counters:
            steps.append(self._optional(SEND_COUNTERS))
        if rules.session.set_clock:
            steps.append(
                Step(
                    name="set-clock",
                    frame=lambda: rules.frame(rules.clock(self.luno), self._terminal),
                    may_resend=True,
                    is_optional=True,
                )
            )
        if rules.session.journal_options:
            steps.append(
                Step(
                    name="journal-options",
                    frame=lambda: rules.frame(rules.journal_options(), self._terminal),
                    may_resend=True,
                    is_optional=True,
                )
            )
        if in_service:
            steps.append(self.command(GO_IN_SERVICE, outbound_id))
        return steps

    def download(self) -> list[Step]:
        """Everything from the load, its configuration id last."""
        load = self._rules.load
        steps = [self.command(GO_OUT_OF_SERVICE), *self.keys()]
        for one in () if load is None else load.steps:
            make = partial(self._rules.customisation, one, self.luno, self._terminal)
            steps.append(Step(name=f"load-{one.name}", frame=make, may_resend=True))
        return steps

    def keys(self) -> list[Step]:
        """The key loads that the bank's hook wants, none without a hook. Raises HookFailed."""
        steps = []
        for one in self._rules.hooks.key_loads(self._terminal):
            message = self._rules.key_load(one.subclass, one.modifier, one.field, self.luno)
            make = partial(self._rules.frame, message, self._terminal)
            steps.append(Step(name=f"key-{one.modifier}", frame=make, answer=KEY, check_value=one.check_value))
        return steps

    def _optional(self, name: str) -> Step:
        step = self.command(name)
        return Step(name=name, frame=step.frame, answer=step.answer, may_resend=True, is_optional=True)
