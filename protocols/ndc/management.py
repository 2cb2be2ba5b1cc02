"""The session of one ATM at work: what it is configured as, what it is told, and whether it may trade.

Owns the state (its table is session.py), the configuration id, the commands and their answers, and what the ATM reports by
itself. It must never know frames or timers but by name. The traps: a solicited status answers whatever is outstanding, a
reply or a command, never both; after power-up, supervisor mode or a changed configuration id nothing is assumed; and a
rejected step is not tried again.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from protocols.dialect import Action, Delivery, HandBack, HangUp, Note, Store, Tell, Timer
from protocols.machine import Unexpected, next_state
from protocols.ndc import commanding as c
from protocols.ndc import fields as f
from protocols.ndc.cassettes import Cassettes
from protocols.ndc.commanding import Commands, Ended
from protocols.ndc.hooks import HookFailed
from protocols.ndc.message import DeviceStatus, EncryptorData, SolicitedStatus
from protocols.ndc.plans import GO_IN_SERVICE, GO_OUT_OF_SERVICE, SEND_CONFIG_ID, Plans
from protocols.ndc.rules import LinkRules
from protocols.ndc.session import INITIAL, TRANSITIONS, Moment, State
from protocols.ndc.status import config_id, devices, fault_of, reject_code, reject_word, state_id, stated, supply_counters
from protocols.ndc.transaction import Phase, Transaction

IDENTIFY, IDLE = "identify", "idle"
STOPPED = "stopped/"  # and the terminal: a link variable, b"1" while somebody holds the ATM out of service
OUTBOUND_KIND = "atm-command"
_STOPS = frozenset({GO_OUT_OF_SERVICE, "go-out-of-service-for-now"})
# Where "the supervisor left" begins anew. He may have come before this link did, and then every command was rejected.
_SUPERVISED = frozenset({State.SUPERVISOR, State.CONFIG_ERROR, State.STOPPED, State.IN_SERVICE})
_ANSWERS = frozenset({f.READY, f.REPLY_READY, f.DEVICE_FAULT, f.COMMAND_REJECT, f.SPECIFIC_REJECT})


class _Wanted(msgspec.Struct, frozen=True):
    """The body of an outbound ATM command."""

    command: str


class Management:
    __slots__ = (
        "_has_keys",
        "_has_loaded",
        "_wanted_outbound",
        "cassettes",
        "commands",
        "config_id",
        "idle_ms",
        "inherited",
        "is_held_out",
        "plans",
        "rules",
        "state",
        "terminal",
        "transaction",
    )

    def __init__(self, rules: LinkRules) -> None:
        self.rules = rules
        self.state = INITIAL
        self.terminal = ""
        self.config_id = ""
        self.commands = Commands(rules.session.step_wait_ms)
        self.cassettes = Cassettes(len(rules.cash.denominations))
        self.plans = Plans(rules, "")
        self.transaction: Transaction | None = None  # once the terminal is known
        self.idle_ms = rules.session.idle_probe_ms  # after so long a silence we ask; the dialogue has this link's own
        self.inherited: Mapping[str, bytes] = {}  # of a center that was taken over
        self.is_held_out = False  # somebody took it out of service, maybe before a restart
        self._has_loaded = False  # in this session: a load that did not change the id is not sent again
        self._has_keys = False  # loaded a moment ago, with the load
        self._wanted_outbound = ""  # a "go in service" of the core, until the ATM is

    @property
    def phase(self) -> Phase:
        return Phase.IDLE if self.transaction is None else self.transaction.phase

    @property
    def is_quiet(self) -> bool:
        """No answer is owed on the line, to a command or to a reply."""
        return self.commands.is_quiet and self.phase in (Phase.IDLE, Phase.ASKED)

    def probe(self, actions: list[Action], *, may_resend: bool) -> None:
        """Ask for the configuration id, as soon as the line is quiet."""
        self.commands.plan(self.plans.probe(may_resend=may_resend), actions)
        if self.phase in (Phase.IDLE, Phase.ASKED):
            self.commands.advance(actions)

    # ---- status ------------------------------------------------------------------------------------------------------
    def solicited(self, status: SolicitedStatus, now_ms: int, actions: list[Action]) -> None:
        step = self.commands.waiting
        self._remember(status, step is not None and step.answer == c.CONFIG_ID, actions)
        transaction = self.transaction
        # One thing is outstanding: a reply (then no command waits), or a command. What fits neither is counted and dropped.
        if step is None:
            if transaction is not None and transaction.status(status, actions):
                self._continue(now_ms, actions)
            elif status.descriptor not in _ANSWERS or not self.commands.take_extra(actions):
                actions.append(Note("unmatched-status", status.descriptor))
            elif self.commands.is_quiet and transaction is not None:
                transaction.release(True, now_ms, actions)
            return
        ok, said = self._judge(step.answer, status)
        if ok is None:
            actions.append(Note("unmatched-status", f"{status.descriptor} while {step.name} waits"))
            return
        self._step_answered(ok, said, now_ms, actions)

    def _judge(self, wanted: str, status: SolicitedStatus) -> tuple[bool | None, str]:
        """Does a status answer a command that wants `wanted`? None: it answers none."""
        descriptor = status.descriptor
        if descriptor in (f.COMMAND_REJECT, f.SPECIFIC_REJECT):
            code = reject_code(status)
            return False, f"{descriptor} {code} {reject_word(code)}"
        if descriptor == f.DEVICE_FAULT:
            device = fault_of(status)
            return False, "device fault" if device is None else f"device fault {device.device}{device.status[:1]}"
        if descriptor != f.TERMINAL_STATE:
            if wanted == c.CONFIG_ID:
                return None, "ready"  # late, for a reply or command of another session: the question stands
            return wanted in (c.READY, c.KEY, c.ANY), "ready"
        identifier = state_id(status)
        fits = {c.CONFIG_ID: config_id(status) is not None, c.COUNTERS: identifier in ("2", "7"), c.ANY: True}
        return (True if fits.get(wanted, False) else None), f"terminal state {identifier}"

    def _remember(self, status: SolicitedStatus, is_probed: bool, actions: list[Action]) -> None:
        """What a status says beside answering a command: configuration id, counters, cassettes."""
        found, counters = config_id(status), supply_counters(status)
        if is_probed and found is not None:
            self.config_id = found
        if counters is not None:
            self.cassettes.counted(counters)
            if self.terminal:
                cash = self.rules.cash
                actions.append(stated(counters, self.terminal, cash.denominations, cash.currency))
            if self.transaction is not None:
                self.transaction.counted(counters, actions)
        if state_id(status) == "I":
            for device, supplies in devices(status).items():
                if device in f.CASH_HANDLERS:
                    self.cassettes.supplies(supplies)
        fault = fault_of(status)
        if fault is not None:
            self.cassettes.reported(fault)

    def encryptor(self, message: EncryptorData, now_ms: int, actions: list[Action]) -> None:
        step = self.commands.waiting
        if step is None or step.answer not in (c.KEY, c.ANY):
            actions.append(Note("unmatched-status", f"encryptor data {message.info}"))
            return
        ok, said = True, f"encryptor data {message.info}"
        if step.check_value and message.info == f.KEY_CHECK_VALUE:
            ok = bool(message.data) and message.data[0].upper() == step.check_value.upper()
            said = "check value right" if ok else "check value wrong"
        self._step_answered(ok, said, now_ms, actions)

    def _step_answered(self, ok: bool, said: str, now_ms: int, actions: list[Action]) -> None:
        ended = self.commands.answered(ok, said, actions)
        if ended is not None:
            self._step_ended(ended, now_ms, actions)
            self._continue(now_ms, actions)

    def _continue(self, now_ms: int, actions: list[Action]) -> None:
        """Whatever waited for a quiet line: a decided reply first, then the next command."""
        if any(isinstance(action, HangUp) for action in actions):
            return
        if self.transaction is not None:
            self.transaction.release(self.commands.is_quiet, now_ms, actions)
        if self.phase in (Phase.IDLE, Phase.ASKED):
            self.commands.advance(actions)

    # ---- the plan ----------------------------------------------------------------------------------------------------
    def _step_ended(self, ended: Ended, now_ms: int, actions: list[Action]) -> None:
        step = ended.step
        if not ended.ok and step.is_optional:
            actions.append(Note(f"{step.name}-refused", ended.said))
        elif not ended.ok:
            if step.answer == c.KEY:
                actions.append(Note("key-alarm", ended.said))
            if step.name in _STOPS and self.state is State.IN_SERVICE:
                self._hold_out(False, actions)  # it refused, and trades on: nor is it kept out after a reconnect
            if self.state in (State.CONNECTED, State.DOWNLOADING, State.STARTING):
                self._failed(f"{step.name}: {ended.said}", actions)
            else:
                actions.append(Note(f"{step.name}-refused", ended.said))
            return
        if self.state is State.CONNECTED and step.answer == c.CONFIG_ID:
            self._identified(actions)
        elif self.state is State.IN_SERVICE and step.name == SEND_CONFIG_ID and not self._is_right:
            self._forget("configuration-changed", actions)
            self._identified(actions)
        elif self.state is State.DOWNLOADING and not self.commands.queued_count:
            self._has_keys = True
            self.move(Moment.LOADED, actions)
            self.commands.plan(self.plans.probe(may_resend=True), actions)  # the id is read back: it came last
        elif self.state is State.STARTING and not self.commands.queued_count:
            self._started(step.name, actions)
        elif step.name in _STOPS and self.state is State.IN_SERVICE:
            self.move(Moment.STOPPED, actions)

    @property
    def _is_right(self) -> bool:
        return self.rules.accepts(self.config_id)

    def _identified(self, actions: list[Action]) -> None:
        """The configuration id is known: start, load, or give up."""
        actions.append(Timer(IDENTIFY, None))
        try:
            self._start_or_load(actions)
        except HookFailed as error:
            actions.append(Note("key-alarm", error.problem))
            self._failed(error.problem, actions)

    def _start_or_load(self, actions: list[Action]) -> None:
        """Raises HookFailed."""
        if self._is_right:
            self.move(Moment.ID_RIGHT, actions)
            self.commands.plan(
                self.plans.start(
                    with_keys=not self._has_keys, in_service=not self.is_held_out, outbound_id=self._wanted_outbound
                ),
                actions,
            )
            self._wanted_outbound = ""
            self._has_keys = False
        elif self.rules.load is not None and not self._has_loaded:
            self._has_loaded = True
            self.move(Moment.ID_WRONG, actions)
            self.commands.plan(self.plans.download(), actions)
        else:
            self._failed(f"configuration id {self.config_id}", actions)

    def _started(self, last: str, actions: list[Action]) -> None:
        if last != GO_IN_SERVICE:
            self.move(Moment.STOPPED, actions)
            return
        self.move(Moment.STARTED, actions)
        actions.append(Note("signed-on", self.terminal))
        actions.append(Tell("session-up", {"terminal": self.terminal, "config_id": self.config_id}))
        if self.idle_ms:
            actions.append(Timer(IDLE, self.idle_ms))

    def _failed(self, why: str, actions: list[Action]) -> None:
        """A person must look: nothing is tried in a loop."""
        self.commands.clear(actions)
        self._give_back(f"the ATM could not be brought into service: {why}", actions)
        self.move(Moment.FAILED, actions)
        actions.append(Note("configuration-error", why))
        actions.append(Tell("configuration-error", {"terminal": self.terminal, "why": why}))

    def _forget(self, why: str, actions: list[Action]) -> None:
        """Nothing is known of the ATM any more, and nobody trades."""
        self.commands.clear(actions)
        self._give_back(why, actions)
        self._has_loaded = self._has_keys = False
        self.move(Moment.FORGOTTEN, actions)
        actions.append(Note(why, self.terminal))

    def move(self, moment: Moment, actions: list[Action]) -> None:
        was_up = self.state is State.IN_SERVICE
        try:
            self.state = next_state(TRANSITIONS, self.state, moment)
        except Unexpected:
            return  # for instance a draining link, whose ATM goes on reporting
        if was_up and self.state is not State.IN_SERVICE:
            actions.append(Tell("session-down", {"terminal": self.terminal, "reason": self.state.name.lower()}))

    # ---- what the ATM says by itself ---------------------------------------------------------------------------------
    def unsolicited(self, device: DeviceStatus, actions: list[Action]) -> None:
        shown = f"{device.device}{device.status[:8]} {f.DEVICES.get(device.device, '')}"
        actions.append(Note("device-status", shown))
        detail = {"device": device.device, "status": device.status[:32], "severities": device.severities[:16]}
        actions.append(Tell("device-status", {**detail, "supplies": device.supplies[:16]}))
        self.cassettes.reported(device)
        if device.device == f.POWER:
            self._power_up(device.status[:4], actions)
        elif device.device == f.SENSORS and device.status[:2] == f.SUPERVISOR_ENTERED:
            self.commands.clear(actions)
            self._give_back("the supervisor has the machine", actions)
            self.move(Moment.SUPERVISOR_ENTERED, actions)
        elif device.device == f.SENSORS and device.status[:2] == f.SUPERVISOR_LEFT and self.state in _SUPERVISED:
            self._supervisor_left(actions)
        elif device.device in f.CASH_HANDLERS and device.status[:1] == f.CASH_RETRACTED and self.transaction is not None:
            self.transaction.retracted(f"{device.device}{device.status[:15]}", actions)

    def _power_up(self, config: str, actions: list[Action]) -> None:
        waiting = self.commands.waiting
        if self.state is State.DRAINING:
            return
        if waiting is not None and waiting.name == SEND_CONFIG_ID and self.state is State.CONNECTED:
            return  # it crossed with our probe, whose answer says the same
        if waiting is not None or not self.commands.is_quiet or self.phase is not Phase.IDLE:
            # What is outstanding will never be answered, or be answered by an ATM that knows nothing of it.
            actions.append(HangUp("power-up", abort=True))
            return
        self.config_id = config
        self._forget("power-up", actions)
        self._identified(actions)
        self.commands.advance(actions)

    def _supervisor_left(self, actions: list[Action]) -> None:
        if not self.is_quiet:
            actions.append(HangUp("supervisor-left", abort=True))  # an answer is owed since before: begin cleanly
            return
        self._has_loaded = self._has_keys = False
        self.move(Moment.SUPERVISOR_LEFT, actions)
        self.probe(actions, may_resend=True)

    def step_overdue(self, actions: list[Action]) -> None:
        if self.state is State.SUPERVISOR:
            actions.append(Timer(c.STEP_TIMER, self.rules.session.step_wait_ms))  # he has the machine; we wait
        elif self.commands.overdue(self.state is not State.IN_SERVICE, actions):
            actions.append(HangUp("command-unanswered", abort=True))

    # ---- commands of the core and of operators -----------------------------------------------------------------------
    def outbound(self, identifier: str, kind: str, body: bytes, actions: list[Action]) -> None:
        """What the core wants said to this ATM: {"command": name}."""
        if kind != OUTBOUND_KIND:
            actions.append(Delivery(identifier, "failed", f"an NDC line delivers {OUTBOUND_KIND} only"))
            return
        try:
            name = msgspec.json.decode(body, type=_Wanted).command
        except (msgspec.MsgspecError, UnicodeDecodeError):
            actions.append(Delivery(identifier, "failed", 'expected {"command": name}'))
            return
        if name not in f.COMMANDS:
            actions.append(Delivery(identifier, "failed", "no such command"))
        elif self.give(name, identifier, actions):
            actions.append(Delivery(identifier, "deferred", "the ATM is busy or not ready"))

    def give(self, name: str, outbound_id: str, actions: list[Action]) -> str:
        """Give a command, or say why not now."""
        if name not in f.COMMANDS:
            return "no such command"
        if self.state not in (State.IN_SERVICE, State.STOPPED, State.CONFIG_ERROR) or not self.terminal:
            return "not now"
        is_busy = self.phase is not Phase.IDLE or not self.commands.is_quiet
        if outbound_id and (is_busy or not self.commands.is_free):
            return "busy"
        if self.commands.queued_count >= self.rules.session.commands_waiting_max:
            return "too many commands wait"
        if name in _STOPS:
            self._hold_out(True, actions)
        elif name == GO_IN_SERVICE and self.state is not State.IN_SERVICE:
            # By the whole way: what happened meanwhile is not known.
            self._has_loaded = self._has_keys = False
            self._wanted_outbound = outbound_id
            self._hold_out(False, actions)
            self.move(Moment.RESUMED, actions)
            self.probe(actions, may_resend=True)
            return ""
        self.commands.add(self.plans.command(name, outbound_id))
        if not is_busy:
            self.commands.advance(actions)
        return ""

    def _hold_out(self, is_held_out: bool, actions: list[Action]) -> None:
        """Durably, because a restart must not put an ATM into service that somebody took out."""
        self.is_held_out = is_held_out
        name, value = f"{STOPPED}{self.terminal}", b"1" if is_held_out else b""
        actions.append(Store(name, value))
        if name in self.inherited:
            actions.append(HandBack(name, value))

    def _give_back(self, why: str, actions: list[Action]) -> None:
        """A "go in service" of the core whose turn did not come: not sent, so it may be offered again."""
        if self._wanted_outbound:
            actions.append(Delivery(self._wanted_outbound, "deferred", why))
            self._wanted_outbound = ""

    # ---- the end -----------------------------------------------------------------------------------------------------
    def closed(self, actions: list[Action]) -> None:
        self._give_back("the link closed", actions)
        self.commands.link_closed(actions)
        self.move(Moment.CLOSED, actions)
