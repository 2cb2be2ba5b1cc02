"""A deed is recorded, done, recorded; not meant, not recorded, refused or broken: it says so and nothing else happens."""

from __future__ import annotations

import msgspec
import pytest

from relay.console.audit import Book
from relay.console.deeds import DEEDS
from relay.console.doing import Doing, NotMeant, Outcome, outcome_of
from relay.console.identity import Person, Role
from relay.control.commands import SafRetryArgs
from relay.control.report import Done, OutboundRow, ReloadReport
from relay.control.twosigning import half
from relay.errors import RelayError
from relay.telemetry.metrics import Metrics
from tests.support.consoleroom import Variables

SATO = Person("sato", Role.OPERATOR, "")
FORM = {"key": ("k",), "why": ("asked  by\nthe core",), "sure": ("yes",)}


class Room:
    def __init__(self, answer: msgspec.Struct | Exception) -> None:
        self.answer = answer
        self.variables = Variables()
        self.book = Book(self.variables)
        self.metrics = Metrics()
        self.doing = Doing(self.ask, self.book, self.metrics)
        self.seen: list[tuple[str, msgspec.Struct, list[str]]] = []

    async def ask(self, command: str, args: msgspec.Struct) -> msgspec.Struct:
        self.seen.append((command, args, [each.result for each in self.book.newest(5)]))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def do(self, name: str = "saf-retry") -> Outcome:
        args, why = self.doing.read(DEEDS[name], FORM, SATO)
        return await self.doing.do(DEEDS[name], args, why, FORM, SATO, "192.0.2.7", 5)

    def count(self, result: str) -> float:
        return self.metrics.registry.get_sample_value("relay_console_deeds_total", {"result": result}) or 0.0


async def test_it_is_recorded_before_and_after() -> None:
    room = Room(Done("asked again"))
    assert await room.do() == Outcome(True, "asked again")
    expected = SafRetryArgs(key="k", who="sato", why="asked by the core")
    assert room.seen == [("saf-retry", expected, [""])], "a record without an end stood there when it was done"
    (entry,) = room.book.newest(5)
    assert (entry.who, entry.role, entry.address, entry.at_ms) == ("sato", "operator", "192.0.2.7", 5)
    assert (entry.deed, entry.target, entry.why) == ("saf-retry", "key=k", "asked by the core")
    assert (entry.result, entry.said) == ("done", "asked again")
    assert room.count("done") == 1


async def test_half_of_a_decision_is_recorded_as_half() -> None:
    room = Room(half("sato", "suzuki"))
    outcome = await room.do()
    assert (outcome.is_done, outcome.is_half) == (True, True)
    assert room.book.newest(1)[0].result == "half"
    assert (room.count("half"), room.count("done")) == (1, 0)


async def test_a_deed_that_cannot_be_recorded_is_not_done() -> None:
    room = Room(Done("x"))
    room.variables.is_failing = True
    outcome = await room.do()
    assert not outcome.is_done
    assert room.seen == []
    assert room.count("unrecorded") == 1


@pytest.mark.parametrize(
    ("answer", "said", "step"),
    [
        (RelayError("it is not owed.", "relay saf list"), "it is not owed.", "relay saf list"),
        (ValueError("secret"), "failed", "log"),
    ],
)
async def test_a_refusal_is_told_and_recorded(answer: Exception, said: str, step: str) -> None:
    room = Room(answer)
    outcome = await room.do()
    assert not outcome.is_done
    assert said in outcome.said
    assert step in outcome.next_step
    assert "secret" not in outcome.said
    assert room.book.newest(1)[0].result == "refused"
    assert room.count("refused") == 1


@pytest.mark.parametrize(
    ("name", "form", "key"),
    [
        ("saf-retry", {**FORM, "why": ()}, "deed.no-why"),
        ("saf-retry", {**FORM, "why": ("abc",)}, "deed.no-why"),
        ("saf-retry", {**FORM, "why": ("a" * 1_001,)}, "deed.no-why"),
        ("resolve", {**FORM, "sure": ()}, "deed.not-sure"),
        ("resolve", {**FORM, "sure": ("no",)}, "deed.not-sure"),
        ("resolve", {**FORM, "key": ()}, "deed.unfit"),
    ],
)
def test_what_is_not_meant(name: str, form: dict[str, tuple[str, ...]], key: str) -> None:
    with pytest.raises(NotMeant) as caught:
        Room(Done()).doing.read(DEEDS[name], form, SATO)
    assert caught.value.key == key


async def test_a_card_number_in_a_reason_is_masked_in_the_record() -> None:
    room = Room(Done("x"))
    form = {**FORM, "why": ("card 4111111111111111 was charged",)}
    args, why = room.doing.read(DEEDS["saf-retry"], form, SATO)
    await room.doing.do(DEEDS["saf-retry"], args, why, form, SATO, "a", 1)
    assert "4111111111111111" not in room.book.newest(1)[0].why


def test_answers_in_a_sentence() -> None:
    assert outcome_of(ReloadReport(is_applied=True)) == Outcome(True, "nothing changed")
    assert outcome_of(ReloadReport(reasons=("core.name needs a restart",))).is_done is False
    assert outcome_of(OutboundRow(key="k", state="cancelled")).said == "k is cancelled"
