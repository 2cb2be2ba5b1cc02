"""A deed from its form to its record: is he allowed, is it meant, is it written down; then it is done, and how it ended is
written.

Owns that order. It must never know what a deed does. The traps: the record is durable before the deed, so a journal that
cannot be written stops deeds as it stops money; the same form sent twice does it once; and a deed goes on when the browser has
gone, so its end is recorded whether or not anybody waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec

from relay.bridge import answer_of
from relay.console.audit import Book, Entry
from relay.console.deedkinds import Deed
from relay.console.deeds import WHY_CHARS_MAX, WHY_CHARS_MIN, Unfit, arguments, lines_of, target_of
from relay.console.identity import Person
from relay.console.roomdeeds import PROOF
from relay.control.report import Done, OutboundRow, ReloadReport
from relay.control.server import CALLER_LOGIN
from relay.errors import RelayError
from relay.journal.port import StepResult
from relay.telemetry.log import get_log
from relay.telemetry.mask import mask_text
from relay.telemetry.metrics import Metrics

log = get_log("console")

_DIGITS: Final = frozenset({"run", "gate", "seen", "version", "epoch", "proof", "code", "csrf", "form"})  # never a card number
DEED_S_MAX: Final = 120.0  # as of a command on the control socket

Form = Mapping[str, tuple[str, ...]]
Ask = Callable[[str, msgspec.Struct], Awaitable[msgspec.Struct]]


class Outcome(msgspec.Struct, frozen=True):
    """`said` and `next_step` are the relay's own words."""

    is_done: bool
    said: str
    next_step: str = ""
    is_half: bool = False  # signed by one of two


class NotMeant(Exception):
    """The form does not do yet: `key` is the sentence about it, `detail` the relay's own words where it has any."""

    def __init__(self, key: str, detail: str = "") -> None:
        super().__init__(key)
        self.key = key
        self.detail = detail


class Doing:
    def __init__(self, ask: Ask, book: Book, metrics: Metrics) -> None:
        self._ask = ask
        self._book = book
        self._metrics = metrics

    def read(self, deed: Deed, form: Form, person: Person) -> tuple[msgspec.Struct, str]:
        """The command's arguments and the reason. Raises NotMeant; nothing was done."""
        if deed.is_room:  # its log is read by many, and kept for years
            form = {name: values if name in _DIGITS else tuple(map(mask_text, values)) for name, values in form.items()}
        why = " ".join(" ".join(form.get("why", ())[:1]).split())
        if not deed.why_as:
            why = "; ".join(f"{number}: {saw}" for number, saw in lines_of(form))[:WHY_CHARS_MAX]
            if not why:
                raise NotMeant("deed.no-lines")
        if not WHY_CHARS_MIN <= len(why) <= WHY_CHARS_MAX:
            raise NotMeant("deed.no-why")
        for field in deed.fields:
            if field.kind == "typed" and [text.strip() for text in form.get(field.name, ())] != list(form.get("run", ())):
                raise NotMeant("deed.not-typed")
            if field == PROOF and not "".join(form.get(field.name, ())).strip():
                raise NotMeant("deed.no-proof")
        if deed.is_grave and form.get("sure") != ("yes",):
            raise NotMeant("deed.not-sure")
        try:
            return arguments(deed, form, person.name, why), why
        except Unfit as error:
            raise NotMeant("deed.unfit", str(error)) from error

    async def do(
        self, deed: Deed, args: msgspec.Struct, why: str, form: Form, person: Person, address: str, at_ms: int
    ) -> Outcome:
        """Recorded, done, recorded."""
        entry = Entry(
            at_ms=at_ms,
            who=person.name,
            role=person.role.value,
            address=address,
            deed=deed.name,
            target=mask_text(target_of(deed, form)),
            why=mask_text(why),
        )
        kept: list[Entry] = []
        written: StepResult = await answer_of(lambda done: kept.append(self._book.note(entry, done)))
        if written is not None:
            self._metrics.console_deeds.labels("unrecorded").inc()
            return Outcome(False, f"not recorded, so not done: {written.why}", "runbook: RelayJournalNotWritable")
        log.info("console deed", deed=deed.name, who=person.name, target=entry.target, why=entry.why, address=address)
        CALLER_LOGIN.set(person.name)
        outcome = await self._done(deed, args)
        result = "half" if outcome.is_half else "done" if outcome.is_done else "refused"
        self._book.ended(kept[0], result, mask_text(outcome.said))
        self._metrics.console_deeds.labels(result).inc()
        return outcome

    async def _done(self, deed: Deed, args: msgspec.Struct) -> Outcome:
        try:
            async with asyncio.timeout(DEED_S_MAX):
                return outcome_of(await self._ask(deed.command, args))
        except RelayError as error:
            return Outcome(False, error.problem, error.next_step)
        except TimeoutError:
            return Outcome(False, f"not done after {DEED_S_MAX:.0f} s; it may still happen", "Look at what it is about.")
        except Exception:
            log.exception("console deed failed", deed=deed.name)
            return Outcome(False, "it failed inside the relay", "The log has the reason.")


def outcome_of(answer: msgspec.Struct) -> Outcome:
    """What a command's answer says. Where its shape has no sentence, that it was done."""
    if isinstance(answer, ReloadReport):
        if answer.is_applied:
            return Outcome(True, "; ".join(answer.changes) or "nothing changed")
        return Outcome(False, "nothing was changed: " + "; ".join(answer.reasons))
    if isinstance(answer, Done):
        return Outcome(True, answer.text, is_half=answer.is_half)
    if isinstance(answer, OutboundRow):
        return Outcome(True, f"{answer.key} is {answer.state}")
    return Outcome(True, "done")
