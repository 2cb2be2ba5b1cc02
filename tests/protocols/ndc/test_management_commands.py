"""Commands of operators and of the core, and how they stand in line with replies."""

from __future__ import annotations

import msgspec
import pytest

from protocols.dialect import (
    Ask,
    Command,
    CommandAnswered,
    CommandRequested,
    Delivery,
    Forget,
    LinkClosed,
    Note,
    OutboundOffered,
    ReplyDecided,
    Send,
    Store,
    Stored,
    Tell,
    Timer,
    TimerFired,
)
from protocols.ndc.asking import OpenedRequest
from protocols.ndc.dialect import build_dialect, default_profile
from protocols.ndc.message import (
    EmvConfiguration,
    SolicitedStatus,
)
from protocols.ndc.session import State
from protocols.vocabulary import Refusal
from tests.support.ndcplay import (
    LUNO,
    OPENED,
    PLAIN,
    READY,
    TERMINAL,
    WALL_MS,
    arrived,
    asked,
    config_status,
    decided,
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

OFFER = OutboundOffered("out-1", "atm-command", b'{"command": "send-tallies"}')
TALLIES = SolicitedStatus(luno=LUNO, descriptor="F", data=("3" + "0" * 20,))
FAST_CASH = {"kind": "withdrawal", "amount": "fixed", "fixed_minor": 10_000}


def commands(book: Playbook) -> list[str]:
    return [action.name for action in book.rest() if isinstance(action, Command)]


def opened(book: Playbook) -> Playbook:
    book >> OPENED << like(Timer)
    return book


def state(book: Playbook) -> State:
    return book.dialogue.state  # type: ignore[attr-defined,no-any-return]  # NdcDialogue's own


# ---- commands of operators and of the core -------------------------------------------------------------------------------
def test_an_operator_takes_an_atm_out_of_service_and_back() -> None:
    with in_service() as book:
        book >> CommandRequested("sign-off") << Store(f"stopped/{TERMINAL}", b"1") << like(Command, name="go-out-of-service")
        book << like(Timer)
        book >> arrived(READY)
        book.rest()
        assert state(book) is State.STOPPED
        book >> CommandRequested("sign-on") << Store(f"stopped/{TERMINAL}", b"")
        assert commands(book) == ["send-configuration-id"]
        book >> arrived(config_status(), READY, READY)
        book.rest()
        assert state(book) is State.IN_SERVICE


def test_an_atm_that_was_taken_out_stays_out_after_it_reconnects() -> None:
    with play() as book:
        book >> msgspec.structs.replace(OPENED, stored={f"stopped/{TERMINAL}": b"1"}) << like(Timer)
        book >> arrived(power_up(), READY)
        book.rest()
        assert state(book) is State.STOPPED
        assert not book.dialogue.is_signed_on


def test_a_command_of_the_core_is_delivered_with_its_answer() -> None:
    with in_service() as book:
        book >> OFFER << Delivery("out-1", "sent") << like(Command, name="send-tallies") << like(Timer)
        (
            book
            >> arrived(TALLIES)
            << like(CommandAnswered)
            << like(Timer)
            << Delivery("out-1", "acknowledged", "terminal state 3")
        )


def test_a_rejected_command_of_the_core_failed() -> None:
    with in_service() as book:
        book >> OFFER
        book.rest()
        book >> arrived(reject("B04"))
        assert like(Delivery, id="out-1", state="failed") in book.rest()


def test_a_terminal_that_is_gone_for_good_is_forgotten_by_any_link_of_its_listener() -> None:
    stored = {"tsn/OLD": b"x", "stopped/OLD": b"1", "tsn/OTHER": b"y", f"tsn/{TERMINAL}": b""}
    with in_service(opened=msgspec.structs.replace(OPENED, stored=stored)) as book:
        book >> CommandRequested("forget", b"OLD") << Forget("tsn/OLD") << Forget("stopped/OLD")
        book << Note("terminal-forgotten", "OLD")
        for data in (b"NOBODY", b"", b"\xff", TERMINAL.encode()):
            book >> CommandRequested("forget", data) << like(Note, name="command-impossible")


def test_an_atm_that_refuses_to_stop_is_not_kept_out_after_a_reconnect() -> None:
    """The core was told that its command had no effect."""
    with in_service() as book:
        book >> CommandRequested("sign-off") << Store(f"stopped/{TERMINAL}", b"1")
        book.rest()
        book >> arrived(reject("C10"))
        stores = [action for action in book.rest() if isinstance(action, Store)]
        assert stores == [Store(f"stopped/{TERMINAL}", b"")]
        assert state(book) is State.IN_SERVICE


def test_a_command_of_the_core_waits_while_the_atm_is_busy() -> None:
    with in_service() as book:
        asked(book)
        book >> OFFER << like(Delivery, id="out-1", state="deferred")


def test_a_command_that_nobody_answered_is_unknown() -> None:
    with in_service() as book:
        book >> OFFER
        book.rest()
        book >> LinkClosed("peer-lost") << like(Delivery, id="out-1", state="unknown") << like(Tell)


@pytest.mark.parametrize(
    ("kind", "body"),
    [("telegram", b"{}"), ("atm-command", b"{}"), ("atm-command", b'{"command": "sing"}'), ("atm-command", b"\xff")],
)
def test_what_is_no_command_is_not_sent(kind: str, body: bytes) -> None:
    with in_service() as book:
        book >> OutboundOffered("out-1", kind, body) << like(Delivery, state="failed")


def test_a_command_waits_for_the_status_of_a_reply() -> None:
    with in_service() as book:
        replied(book)
        book >> CommandRequested("send-tallies")
        assert commands(book) == []
        book >> arrived(READY)
        assert commands(book) == ["send-tallies"]


def test_commands_beyond_the_limit_are_refused() -> None:
    dialect = make_dialect(session={"set_clock": False, "read_counters": False, "idle_probe_ms": 0, "commands_waiting_max": 2})
    with in_service(dialect) as book:
        for _ in range(3):
            book >> CommandRequested("send-tallies")
            book.rest()
        book >> CommandRequested("send-tallies") << like(Note, name="command-impossible")


def test_a_reply_goes_before_a_waiting_command() -> None:
    with in_service() as book:
        book >> CommandRequested("send-tallies")
        book.rest()
        book >> CommandRequested("send-error-log")
        opened_one = asked(book)
        book >> decided(opened_one)
        assert not [a for a in book.rest() if isinstance(a, Send)], "an answer is owed on the line"
        book >> arrived(TALLIES)
        kinds = [type(action).__name__ for action in book.rest()]
        assert "Send" in kinds
        assert "Command" not in kinds


def test_emv_tables_are_part_of_a_load() -> None:
    text = 'config_id = "0001"\n[[emv]]\ntable = "1"\ndata = ["0101"]\n'
    dialect = build_dialect(
        default_profile(config_id="0001", load="branch", emv_sequence=True), lambda name: text, lambda: WALL_MS
    )
    with opened(play(dialect)) as book:
        book >> arrived(power_up("0000"), READY)
        (load,) = [said(a, dialect) for a in book.rest() if isinstance(a, Command)][1:]
        assert load == EmvConfiguration(luno=LUNO, table="1", data=("0101",), has_sequence=True)


def test_a_request_in_service_is_asked_with_the_tables_of_its_configuration() -> None:
    dialect = make_dialect(
        configs={"0001": {"operations": {"AAAAAAAA": FAST_CASH}}},
        session={"set_clock": False, "read_counters": False},
    )
    with in_service(dialect) as book:
        book >> arrived(request(amount="", operation="AAAAAAAA"))
        store, ask = book.take(Store), book.take(Ask).message
        assert isinstance(ask, OpenedRequest)
        assert (ask.config_id, ask.amount_minor, ask.notes) == ("0001", 10_000, (0, 0, 1, 0))
        book >> Stored(store.name, True) >> ReplyDecided(ask, PLAIN.to_reply(ask, Refusal.OVERLOADED, WALL_MS))
        book.rest()


def test_an_atm_that_does_not_come_into_service_gives_the_command_back() -> None:
    """Not sent, so never unknown: the core's line is not blocked by it, and it is offered again."""
    with in_service() as book:
        book >> CommandRequested("sign-off")
        book.rest()
        book >> arrived(READY)
        book.rest()
        book >> OutboundOffered("out-2", "atm-command", b'{"command": "go-in-service"}')
        assert commands(book) == ["send-configuration-id"]
        book >> arrived(config_status(), READY)
        assert like(Delivery, id="out-2", state="sent") in book.rest()
        book >> arrived(READY)
        assert like(Delivery, id="out-2", state="acknowledged") in book.rest()
        book >> CommandRequested("sign-off")
        book.rest()
        book >> arrived(READY)
        book.rest()
        book >> OutboundOffered("out-3", "atm-command", b'{"command": "go-in-service"}')
        book.rest()
        book >> arrived(sensor("21"))
        assert like(Delivery, id="out-3", state="deferred") in book.rest()


def test_nothing_is_sent_on_a_link_that_is_ending() -> None:
    with in_service() as book:
        replied(book)
        book >> TimerFired("status")
        book.rest()
        book >> OFFER << like(Delivery, id="out-1", state="deferred")
