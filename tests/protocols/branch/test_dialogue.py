"""The link: bytes cut anywhere, who may speak, echoes, timers, commands, and never an exception for what a peer can send."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocols.branch import codes
from protocols.branch.codec import Codec
from protocols.branch.dialogue import STORES_WAITING_MAX
from protocols.branch.hooks import HmacMac, Hooks
from protocols.branch.message import BranchMessage
from protocols.dialect import (
    Action,
    Ask,
    BytesArrived,
    CommandRequested,
    Delivery,
    DrainStarted,
    Evidence,
    HangUp,
    LinkClosed,
    Note,
    OutboundOffered,
    Refuse,
    Send,
    Stored,
    Tell,
    Timer,
    TimerFired,
)
from protocols.vocabulary import Refusal
from tests.support.branchlink import (
    BRANCH_P1,
    BranchLink,
    cancel,
    code_of,
    completion,
    count,
    deposit,
    make_branch,
    messages_in,
    opening,
    telegram,
    withdrawal,
)

WRITE = BRANCH_P1.codec.write


def notes(actions: list[Action]) -> list[str]:
    return [action.name for action in actions if isinstance(action, Note)]


@pytest.mark.parametrize("message", [withdrawal(1), cancel(2, 1), telegram("12"), telegram("30")])
def test_nothing_before_the_day_is_open(message: BranchMessage) -> None:
    link = BranchLink()
    (answer,) = link.sent(link.say(message))
    assert answer.code == code_of(Refusal.NOT_SIGNED_ON)
    assert not link.asked


def test_a_completion_before_the_day_is_open_is_refused_in_silence() -> None:
    actions = BranchLink().say(completion(1, 1))
    assert [(type(action), action.data) for action in actions if isinstance(action, Refuse)] == [(Refuse, b"")]


def test_a_link_speaks_for_one_terminal() -> None:
    link = BranchLink().open()
    assert link.codes(link.say(withdrawal(1, terminal="0043"))) == [f"21 {code_of(Refusal.UNKNOWN_TERMINAL)}"]
    assert link.codes(link.say(opening(terminal="0043"))) == [f"11 {code_of(Refusal.UNKNOWN_TERMINAL)}"]


def test_echoes_both_ways() -> None:
    link = BranchLink()
    assert link.codes(link.say(telegram("14"))) == ["15 0000"]
    link.open()
    assert link.codes(link.step(CommandRequested("echo"))) == ["14 0000"]
    assert notes(link.say(telegram("15"))) == ["echo-answered"]


def test_an_inquiry_is_answered_with_the_last_number() -> None:
    link = BranchLink().open()
    link.do(withdrawal(1))
    (answer,) = link.sent(link.say(telegram("30", body={"from_serial": "0", "to_serial": "0"})))
    assert (answer.text("last_serial"), answer.text("pending_count")) == ("000001", "0001")


def test_a_fault_is_told() -> None:
    actions = BranchLink().open().say(telegram("90", body={"fault": "E101", "text": "ｹﾝｷﾝ"}))
    assert notes(actions) == ["terminal-fault"]


@pytest.mark.parametrize("message_type", ["11", "13", "16", "21", "25"])
def test_what_terminals_do_not_send_is_refused_in_silence_and_the_link_lives(message_type: str) -> None:
    link = BranchLink().open()
    body = {"authorisation": "", "balance_sign": "", "balance": "0"} if message_type == "21" else {}
    actions = link.say(telegram(message_type, body={**body}))
    assert [action.data for action in actions if isinstance(action, Refuse)] == [
        BRANCH_P1.codec.write(telegram("17", code=code_of(Refusal.UNSUPPORTED))) if message_type == "16" else b""
    ]
    link.say(withdrawal(1))
    assert len(link.asked) == 1


def test_wrong_authentication_is_refused_with_its_own_code() -> None:
    branch = make_branch(Hooks(HmacMac({"0001": b"k" * 16})), mac="required")
    link = BranchLink(branch)
    for message, word in ((opening(key_version="0001"), codes.MAC_WRONG), (opening(key_version="0002"), codes.KEY_UNKNOWN)):
        actions = link.step(BytesArrived(WRITE(message)))
        (refuse,) = [action for action in actions if isinstance(action, Refuse)]
        assert refuse.reason is Refusal.FORMAT_ERROR
        assert (b"1101" in refuse.data) is (word == codes.MAC_WRONG)
    link.open(key_version="0001")


def test_a_frame_too_long_ends_the_link_after_what_came_before() -> None:
    link = BranchLink().open()
    actions = link.step(BytesArrived(WRITE(withdrawal(1)) + (4_097).to_bytes(4, "big")))
    assert len(link.asked) == 1
    assert HangUp("frame-error") in actions
    assert link.say(withdrawal(2)) == []


def test_half_a_telegram_is_timed_from_its_first_byte() -> None:
    link = BranchLink().open()
    data = WRITE(withdrawal(1))
    assert Timer("partial", 10_000) in link.step(BytesArrived(data[:10]))
    link.now_ms = 9_000
    assert not [action for action in link.step(BytesArrived(data[10:11])) if isinstance(action, Timer)]
    link.now_ms = 10_000
    actions = link.step(TimerFired("partial"))
    assert HangUp("partial-frame") in actions


def test_a_telegram_that_became_whole_is_not_hung_up_on() -> None:
    link = BranchLink().open()
    data = WRITE(withdrawal(1))
    link.step(BytesArrived(data[:10]))
    link.step(BytesArrived(data[10:]))
    assert link.step(TimerFired("partial")) == []
    link.step(BytesArrived(data[:10]))
    link.now_ms = 5_000
    link.step(BytesArrived(data[10:] + data[:4]))
    link.now_ms = 10_000
    assert link.step(TimerFired("partial")) == [Timer("partial", 5_000)]


def test_a_link_without_a_day_is_hung_up_on() -> None:
    assert HangUp("sign-on-missed") in BranchLink().step(TimerFired("opening"))
    assert BranchLink().open().step(TimerFired("opening")) == []


def test_silence_is_asked_about_and_then_the_link_is_reset() -> None:
    link = BranchLink(make_branch(session={"echo_misses_max": 2})).open()
    link.now_ms = 30_000
    assert link.step(TimerFired("idle")) == [Timer("idle", 30_000)]
    for count_missed in (0, 1):
        link.now_ms += 60_000
        actions = link.step(TimerFired("idle"))
        assert link.codes(actions) == ["14 0000"]
        assert len(notes(actions)) == count_missed
    link.now_ms += 60_000
    assert HangUp("echo-missed", True) in link.step(TimerFired("idle"))


def test_commands_that_do_not_exist_here_are_told() -> None:
    link = BranchLink()
    assert notes(link.step(CommandRequested("echo"))) == ["command-impossible"], "nobody is known yet"
    assert notes(link.open().step(CommandRequested("key-exchange"))) == ["command-impossible"]


def test_what_the_core_starts_waits_for_the_opening() -> None:
    link = BranchLink()
    (delivery,) = link.step(OutboundOffered("id-1", "notice", b'{"text": "A"}'))
    assert isinstance(delivery, Delivery)
    assert (delivery.id, delivery.state) == ("id-1", "deferred")
    assert [
        message.message_type for message in link.sent(link.open().step(OutboundOffered("id-1", "notice", b'{"text": "A"}')))
    ] == ["50"]


def test_idle_means_that_nothing_waits() -> None:
    link = BranchLink().open()
    assert link.dialogue.is_idle
    link.step(BytesArrived(b"\0"))
    assert not link.dialogue.is_idle
    other = BranchLink().open()
    other.dialogue.step(BytesArrived(WRITE(withdrawal(1))), 0)
    assert not other.dialogue.is_idle, "a store is under way"
    third = BranchLink().open()
    third.say(withdrawal(2))
    assert not third.dialogue.is_idle, "a telegram is held"
    fourth = BranchLink().open()
    fourth.say(telegram("12"))
    assert not fourth.dialogue.is_idle, "a count is under way"


def test_a_drain_opens_no_day_but_ends_one() -> None:
    link = BranchLink().open()
    link.step(DrainStarted())
    assert link.codes(link.say(opening())) == [f"11 {code_of(Refusal.DRAINING)}"]
    assert link.codes(link.say(telegram("12"), count(1_000_000))) == ["16 0000", "13 0000"]
    assert link.step(DrainStarted()) == [Note("draining")]


def test_a_closed_link_says_nothing() -> None:
    link = BranchLink().open()
    link.step(LinkClosed("peer-lost"))
    assert link.say(withdrawal(1)) == []
    assert link.dialogue.step(Stored("till-9901-123-0042", True), 0) == ()


DAY = [opening(), withdrawal(1), completion(1, 10_000), deposit(2), cancel(3, 2, operation="01001"), deposit(5), telegram("30"),
       telegram("14"), telegram("31", body={"finding": "2"}, approver="M", original_serial=5), telegram("12"), count(990_000),
       telegram("51"), telegram("51", center_serial="0000000001"), telegram("90", body={"fault": "P001"})]  # fmt: skip
STREAM = b"".join(WRITE(message) for message in DAY)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_the_same_stream_cut_anywhere_means_the_same(cuts: list[int]) -> None:
    def told(edges: list[int]) -> tuple[list[str], list[BranchMessage]]:
        link = BranchLink()
        actions: list[Action] = []
        for start, end in zip([0, *edges], [*edges, len(STREAM)], strict=True):
            actions += link.step(BytesArrived(STREAM[start:end]))
        # What waits for a store may come after what need not; what is asked keeps its order.
        return sorted(repr(action) for action in actions if not isinstance(action, Timer)), link.asked

    assert told(sorted(cuts)) == told([])


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_bytes_cut_anywhere_never_raise_and_never_pile_up(data: st.DataObject) -> None:
    """Whole telegrams, broken ones and noise, in any order and cut: no exception, no more than one frame kept."""
    link = BranchLink()
    broken = st.tuples(st.sampled_from(DAY), st.integers(4, 150), st.binary(min_size=1, max_size=6)).map(
        lambda parts: WRITE(parts[0])[: parts[1]] + parts[2] + WRITE(parts[0])[parts[1] + len(parts[2]) :]
    )
    pieces = data.draw(st.lists(st.one_of(st.sampled_from(DAY).map(WRITE), broken, st.binary(max_size=40)), max_size=12))
    stream = b"".join(pieces)
    position = 0
    link.step(OutboundOffered("id", "notice", b'{"text": "A"}'))
    while position < len(stream):
        size = data.draw(st.integers(1, 400))
        for action in link.step(BytesArrived(stream[position : position + size])):
            assert not (isinstance(action, Send) and not action.data)
            if isinstance(action, Ask) and data.draw(st.booleans()):
                assert isinstance(action.message, BranchMessage)
                link.answer(action.message)
        position += size
        assert link.dialogue._cutter.buffered_count <= 4_096 + 4
        assert link.dialogue._intake.held_count <= 8
    for name in ("partial", "idle", "gap", "completion", "count", "opening"):
        link.step(TimerFired(name))


def header_changed(message: BranchMessage, offset: int, data: bytes, codec: Codec = BRANCH_P1.codec) -> bytes:
    raw = bytearray(codec.write(message))
    raw[offset : offset + len(data)] = data
    return bytes(raw)


@pytest.mark.parametrize(
    ("offset", "data"),
    [(55, "ｱ".encode("cp932")), (63, b"x"), (77, b"2"), (78, b"7"), (79, b"x"), (96, b"x"), (110, "ｱ".encode("cp932"))],
)
def test_a_mistake_in_the_header_of_a_known_sender_is_answered_and_uses_the_number_up(offset: int, data: bytes) -> None:
    link = BranchLink().open()
    actions = link.step(BytesArrived(header_changed(withdrawal(1), offset, data)))
    assert link.codes(actions) == [f"21 {code_of(Refusal.FORMAT_ERROR)}"]
    link.say(withdrawal(2))
    assert [message.serial for message in link.asked] == [2]


@pytest.mark.parametrize(("offset", "data"), [(8, b"x"), (12, b"x"), (15, b"Z"), (16, b"x"), (41, b"x"), (47, b"20261301")])
def test_a_mistake_in_what_names_the_sender_or_its_number_is_silence(offset: int, data: bytes) -> None:
    link = BranchLink().open()
    actions = link.step(BytesArrived(header_changed(withdrawal(1), offset, data)))
    assert [(type(action), action.data) for action in actions if isinstance(action, Refuse)] == [(Refuse, b"")]
    link.say(withdrawal(1))
    assert [message.serial for message in link.asked] == [1]


@pytest.mark.parametrize(("offset", "data"), [(78, b"1"), (93, b"1"), (63, b"x"), (160, b"x")])
def test_nothing_that_is_not_authenticated_uses_a_number_up(offset: int, data: bytes) -> None:
    branch = make_branch(Hooks(mac=HmacMac({"0001": b"k" * 16})), mac="required")
    link = BranchLink(branch).open(key_version="0001")
    raw = header_changed(withdrawal(1, key_version="0001"), offset, data, branch.codec)
    assert link.codes(link.step(BytesArrived(raw))) == [f"21 {code_of(codes.MAC_WRONG)}"]
    link.say(withdrawal(1, key_version="0001"))
    assert [message.serial for message in link.asked] == [1]


def test_another_kind_of_terminal_than_at_the_opening_is_another_terminal() -> None:
    link = BranchLink().open()
    assert link.codes(link.say(withdrawal(1, terminal_kind="T"))) == [f"21 {code_of(Refusal.UNKNOWN_TERMINAL)}"]
    assert not link.asked


def test_training_is_no_evidence_and_opens_no_day() -> None:
    link = BranchLink()
    assert link.codes(link.say(opening(is_training=True))) == [f"11 {code_of(codes.TRAINING)}"]
    link.open().do(withdrawal(1))
    for message in (completion(1, 0, "23", is_training=True), withdrawal(2, confirmed_serial=1, is_training=True)):
        assert not [action for action in link.say(message) if isinstance(action, Evidence)]


def test_a_fault_before_the_opening_is_told_to_nobody() -> None:
    assert not [action for action in BranchLink().say(telegram("90", body={"fault": "P001"})) if isinstance(action, Tell)]


def test_a_peer_that_floods_the_journal_is_hung_up_on() -> None:
    link = BranchLink().open()
    data = b"".join(WRITE(deposit(serial)) for serial in range(1, STORES_WAITING_MAX + 2))
    actions = link.dialogue.step(BytesArrived(data), 0)
    assert actions[-1] == HangUp("too-many-stores", abort=True)
    assert link.dialogue.step(BytesArrived(WRITE(deposit(STORES_WAITING_MAX + 2))), 0) == []
    fewer = BranchLink().open()
    assert not [a for a in fewer.dialogue.step(BytesArrived(data[: len(data) // 2]), 0) if isinstance(a, HangUp)]


def test_an_unknown_key_is_told_without_one() -> None:
    branch = make_branch(Hooks(mac=HmacMac({"0001": b"k" * 16})), mac="required")
    link = BranchLink(branch)
    data = make_branch(Hooks(mac=HmacMac({"0002": b"k" * 16})), mac="required").codec.write(opening(key_version="0002"))
    (refuse,) = link.step(BytesArrived(data))
    assert isinstance(refuse, Refuse)
    (answer,) = messages_in(refuse.data)
    assert (answer.code, answer.key_version, refuse.data[-8:]) == (code_of(codes.KEY_UNKNOWN), "0000", bytes(8))
