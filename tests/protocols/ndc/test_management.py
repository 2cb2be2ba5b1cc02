"""The session as transcripts: identify, load, keys, start, trade, supervisor, power-up, commands of the core."""

from __future__ import annotations

import pytest

from protocols.dialect import (
    Command,
    CommandAnswered,
    CommandRequested,
    HangUp,
    Note,
    Refuse,
    Tell,
    Timer,
    TimerFired,
)
from protocols.ndc.hooks import Hooks, KeyStep
from protocols.ndc.message import (
    DataCommand,
    DeviceStatus,
    EncryptorData,
    SolicitedStatus,
    TerminalCommand,
    UnsolicitedStatus,
)
from protocols.ndc.session import State
from protocols.spread import spread_ms
from protocols.vocabulary import Refusal
from tests.support.ndcplay import (
    LUNO,
    NDC,
    OPENED,
    READY,
    TERMINAL,
    arrived,
    asked,
    config_status,
    fault,
    in_service,
    make_dialect,
    play,
    power_up,
    reject,
    replied,
    request,
    said,
    sensor,
)
from tests.support.playbook import Playbook, like

COUNTERS_TEXT = "0001" + "0000009" + "00002000030000100000" + "0" * 40 + "00000000010000100000" + "0" * 20
COUNTERS = SolicitedStatus(luno=LUNO, descriptor="F", data=("2" + COUNTERS_TEXT,))


def commands(book: Playbook) -> list[str]:
    return [action.name for action in book.rest() if isinstance(action, Command)]


def opened(book: Playbook) -> Playbook:
    book >> OPENED << like(Timer)
    return book


def state(book: Playbook) -> State:
    return book.dialogue.state  # type: ignore[attr-defined,no-any-return]  # NdcDialogue's own


# ---- from silence to service ---------------------------------------------------------------------------------------------
def test_a_right_configuration_id_leads_into_service_one_command_at_a_time() -> None:
    with opened(play(NDC)) as book:
        book >> arrived(power_up())
        assert commands(book) == ["go-out-of-service"]
        book >> arrived(READY) << CommandAnswered("go-out-of-service", True) << Timer("step", None)
        book << like(Command, name="send-supply-counters") << Timer("step", 30_000)
        book >> arrived(COUNTERS)
        assert commands(book) == ["set-clock"]
        book >> arrived(READY)
        assert commands(book) == ["go-in-service"]
        book >> arrived(READY) << like(CommandAnswered) << like(Timer) << Note("signed-on", TERMINAL)
        book << Tell("session-up", {"terminal": TERMINAL, "config_id": "0001"}) << Timer("idle", spread_ms(60_000, "tokyo-7-1"))
        assert book.dialogue.is_signed_on


def test_what_is_optional_may_be_refused() -> None:
    with opened(play(NDC)) as book:
        book >> arrived(power_up(), READY, reject("E01"), reject("D02"), READY)
        notes = [action.name for action in book.rest() if isinstance(action, Note)]
        assert "send-supply-counters-refused" in notes
        assert "set-clock-refused" in notes
        assert state(book) is State.IN_SERVICE


def test_a_reject_of_a_required_step_waits_for_a_person_and_no_loop() -> None:
    with opened(play()) as book:
        book >> arrived(power_up())
        book.rest()
        book >> arrived(reject("C02")) << like(CommandAnswered, ok=False) << like(Timer)
        book << like(Note, name="configuration-error") << like(Tell, event="configuration-error")
        assert state(book) is State.CONFIG_ERROR
        book >> arrived(request()) << like(Refuse, reason=Refusal.SUSPENDED) << like(Timer)


LOADED = make_dialect(config_id="0001", load="branch", session={"set_clock": False, "read_counters": False})


def test_a_wrong_configuration_id_is_loaded_with_the_id_last_and_read_back() -> None:
    with opened(play(LOADED)) as book:
        book >> arrived(power_up("0000"))
        assert commands(book) == ["go-out-of-service"]
        names: list[object] = []
        for _ in range(10):
            book >> arrived(READY)
            made = [action for action in book.rest() if isinstance(action, Command)]
            names += [said(action, LOADED) for action in made]
            if made and made[-1].name == "send-configuration-id":
                break
        loads = [one.identifier for one in names if isinstance(one, DataCommand)]
        assert loads == ["A", "5", "2", "1", "6"]
        assert isinstance(names[-1], TerminalCommand)
        book >> arrived(config_status("0001"))
        assert commands(book) == ["go-out-of-service"]
        book >> arrived(READY, READY)
        book.rest()
        assert state(book) is State.IN_SERVICE


def test_a_load_that_changes_nothing_is_not_sent_again() -> None:
    with opened(play(LOADED)) as book:
        book >> arrived(power_up("0000"), *([READY] * 6))
        assert commands(book)[-1] == "send-configuration-id"
        book >> arrived(config_status("0000"))
        book.rest()
        assert state(book) is State.CONFIG_ERROR


def test_a_rejected_load_stops_there() -> None:
    with opened(play(LOADED)) as book:
        book >> arrived(power_up("0000"), READY)
        assert commands(book)[-1] == "load-parameters"
        book >> arrived(reject("B08"))
        assert commands(book) == []
        assert state(book) is State.CONFIG_ERROR


def test_without_a_load_a_wrong_id_waits_for_a_person() -> None:
    dialect = make_dialect(config_id="0001")
    with opened(play(dialect)) as book:
        book >> arrived(power_up("0002"))
        book.rest()
        assert state(book) is State.CONFIG_ERROR


# ---- keys ----------------------------------------------------------------------------------------------------------------
KEYED = make_dialect(
    Hooks(key_loads=lambda terminal: [KeyStep("4", "2", "030" + "0" * 48, "02A68B")]),
    session={"set_clock": False, "read_counters": False},
)


@pytest.mark.parametrize("answer", [EncryptorData(luno=LUNO, info="3", data=("02a68b",)), READY])
def test_keys_are_loaded_before_service_and_their_check_value_is_compared(answer: SolicitedStatus | EncryptorData) -> None:
    with opened(play(KEYED)) as book:
        book >> arrived(power_up(), READY)
        assert commands(book)[-1] == "key-2"
        book >> arrived(answer)
        assert commands(book) == ["go-in-service"]


def test_a_wrong_check_value_is_an_alarm_and_no_service() -> None:
    with opened(play(KEYED)) as book:
        book >> arrived(power_up(), READY)
        book.rest()
        book >> arrived(EncryptorData(luno=LUNO, info="3", data=("FFFFFF",)))
        assert Note("key-alarm", "check value wrong") in book.rest()
        assert state(book) is State.CONFIG_ERROR


def test_a_key_is_never_sent_twice() -> None:
    with opened(play(KEYED)) as book:
        book >> arrived(power_up(), READY)
        book.rest()
        book >> TimerFired("step") << Note("command-unanswered", "key-2") << HangUp("command-unanswered", abort=True)


# ---- law 4: answers are counted ------------------------------------------------------------------------------------------
def test_after_a_command_was_sent_again_both_answers_must_come() -> None:
    with opened(play()) as book:
        book >> arrived(power_up())
        book.rest()
        book >> TimerFired("step") << Note("command-resent", "go-out-of-service") << like(Command, name="go-out-of-service")
        book << Timer("step", 30_000)
        book >> arrived(READY) << like(CommandAnswered) << like(Note, name="answers-owed")
        book >> arrived(READY)
        assert commands(book) == ["go-in-service"]


def test_an_answer_that_never_comes_closes_the_link() -> None:
    with opened(play()) as book:
        book >> arrived(power_up())
        book.rest()
        book >> TimerFired("step")
        book.rest()
        book >> arrived(READY)
        book.rest()
        book >> TimerFired("step") << like(Note, name="command-unanswered") << HangUp("command-unanswered", abort=True)


# ---- what may happen any time --------------------------------------------------------------------------------------------
def test_the_supervisor_takes_the_machine_and_everything_is_read_again_afterwards() -> None:
    with in_service() as book:
        book >> arrived(sensor("21"))
        assert Tell("session-down", {"terminal": TERMINAL, "reason": "supervisor"}) in book.rest()
        book >> arrived(request()) << like(Refuse, reason=Refusal.NOT_SIGNED_ON) << like(Timer)
        book >> arrived(READY) << Timer("step", None)
        book >> CommandRequested("echo") << like(Note, name="command-impossible")
        book >> arrived(sensor("20"))
        assert commands(book) == ["send-configuration-id"]
        book >> arrived(config_status(), READY, READY)
        book.rest()
        assert state(book) is State.IN_SERVICE


def test_a_supervisor_who_came_before_this_link_did_is_heard_when_he_leaves() -> None:
    """A restart of ours while he has the machine: it rejects every command, and nobody at the center need do anything."""
    with opened(play()) as book:
        book >> arrived(power_up())
        book.rest()
        book >> arrived(reject("C03")) << like(CommandAnswered)
        book.rest()
        assert state(book) is State.CONFIG_ERROR
        book >> arrived(sensor("20"))
        assert commands(book) == ["send-configuration-id"]
        book >> arrived(config_status())
        assert commands(book) == ["go-out-of-service"]


def test_a_late_ready_is_no_configuration_id() -> None:
    """The status of a reply of another session, sent when the line is back: the question stands."""
    with opened(play()) as book:
        book >> TimerFired("identify")
        assert commands(book) == ["send-configuration-id"]
        book >> arrived(READY)
        assert commands(book) == []
        assert state(book) is State.CONNECTED
        book >> arrived(config_status())
        assert commands(book) == ["go-out-of-service"]


def test_the_supervisor_may_come_while_a_dispense_is_unproven() -> None:
    with in_service() as book:
        replied(book)
        book >> arrived(sensor("21"))
        book.rest()
        book >> arrived(fault("E200000000"))
        assert any(type(action).__name__ == "Evidence" for action in book.rest())


def test_the_step_timer_waits_for_the_supervisor() -> None:
    with opened(play()) as book:
        book >> arrived(power_up(), sensor("21"))
        book.rest()
        book >> TimerFired("step") << Timer("step", 30_000)
        book >> arrived(sensor("20"))
        assert HangUp("supervisor-left", abort=True) in book.rest()


def test_a_power_up_forgets_everything() -> None:
    with in_service() as book:
        book >> arrived(power_up())
        left = book.rest()
        assert like(Tell, event="session-down") in left
        assert [action.name for action in left if isinstance(action, Command)] == ["go-out-of-service"]


def test_a_power_up_while_something_is_outstanding_ends_the_link() -> None:
    with in_service() as book:
        replied(book)
        book >> arrived(power_up())
        assert book.rest()[-1] == HangUp("power-up", abort=True)


def test_a_power_up_that_crosses_our_probe_waits_for_its_answer() -> None:
    with opened(play()) as book:
        book >> TimerFired("identify")
        book.rest()
        book >> arrived(power_up())
        assert commands(book) == []
        book >> arrived(config_status())
        assert commands(book) == ["go-out-of-service"]


def test_counters_prove_an_open_reply_and_bound_the_next_mix() -> None:
    with in_service(NDC) as book:
        book >> arrived(power_up(), READY, COUNTERS, READY, READY)
        book.rest()
        opened_one = asked(book, request(amount="00060000"), NDC)
        assert opened_one.available == (2, 3, 1, 0)
        assert opened_one.fault == "amount-not-dispensable"


def test_a_cassette_that_is_out_is_not_ordered_from() -> None:
    with in_service() as book:
        status = UnsolicitedStatus(luno=LUNO, device=DeviceStatus("E", "0", "0", "", "11130"))
        book >> arrived(status)
        book.rest()
        assert asked(book).notes == (0, 3, 0, 0)
