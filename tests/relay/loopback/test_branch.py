"""The fake terminal against the real dialogue on a socket: its books follow its hands, its words follow the profile."""

import asyncio
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest
import pytest_asyncio

from protocols.branch.message import BranchMessage
from protocols.dialect import BytesArrived, HangUp, Refuse, Send
from protocols.vocabulary import TAKEN, Answer, Approved, Declined, Refusal
from relay.loopback.books import Books, Fate
from relay.loopback.branch import BranchPolicy, BranchTerminal, Refused
from relay.loopback.branchslips import Place
from tests.support.branchlink import BranchLink

A = "123-1-0000001"
OPENING = 1_000_000

HASTY = BranchPolicy(reply_timeout_s=0.2, again_s=0.01, tries_max=5)
PATIENT = msgspec.structs.replace(HASTY, reply_timeout_s=20.0)


class Counter:
    """A relay of one listener whose desk answers by `decide`; None is silence."""

    def __init__(self) -> None:
        self.stored: dict[str, bytes] = {}
        self.decide: Callable[[BranchMessage], Answer | None] = lambda message: Approved()
        self.links: list[BranchLink] = []
        self.heard: list[BranchMessage] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = BranchLink(stored=self.stored)
        self.links.append(link)
        try:
            while data := await reader.read(65_536):
                actions = link.step(BytesArrived(data))
                while link.asked:
                    message = link.asked.pop(0)
                    self.heard.append(message)
                    answer = TAKEN if message.message_type in ("24", "26", "40") else self.decide(message)
                    if answer is not None:
                        actions += link.answer(message, answer)
                for action in actions:
                    if isinstance(action, (Send, Refuse)):
                        writer.write(action.data)
                    elif isinstance(action, HangUp):
                        return
        except OSError:
            return
        finally:
            writer.close()


@pytest_asyncio.fixture(loop_scope="session")
async def branch() -> AsyncIterator[tuple[BranchTerminal, Counter, Books]]:
    counter, books = Counter(), Books()
    server = await asyncio.start_server(counter.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    terminal = BranchTerminal("127.0.0.1", port, Place(terminal="0042"), books, OPENING, lambda: 0.0, PATIENT)
    yield terminal, counter, books
    terminal.cut()
    server.close()
    await server.wait_closed()


Scene = tuple[BranchTerminal, Counter, Books]


async def test_a_day_balances(branch: Scene) -> None:
    terminal, counter, books = branch
    await terminal.open()
    await terminal.deposit(A, 5_000)
    await terminal.withdraw(A, 2_000)
    await terminal.dispense_nothing(A, 3_000, given=1_000)
    act = await terminal.withdraw(A, 4_000)
    await terminal.cancel(act)
    await terminal.close()
    assert terminal.till.cash == OPENING + 5_000 - 2_000 - 1_000
    assert sum(act.owed_by_ledger for act in books.acts()) == 2_000
    assert not terminal.violations
    assert [message.serial for message in counter.heard] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("answer", "in_till"), [(Declined(reason="account-closed"), 0), (Refusal.IN_DOUBT, 5_000), (Approved(), 5_000)]
)
async def test_notes_of_a_deposit_come_back_only_on_a_no(branch: Scene, answer: Answer, in_till: int) -> None:
    terminal, counter, _ = branch
    counter.decide = lambda message: answer
    act = await terminal.deposit(A, 5_000)
    assert (terminal.till.cash, act.taken - act.returned) == (OPENING + in_till, in_till)


@pytest.mark.parametrize("answer", [Declined(reason="insufficient-funds"), Refusal.IN_DOUBT])
async def test_no_notes_go_out_without_an_approval(branch: Scene, answer: Answer) -> None:
    terminal, counter, _ = branch
    counter.decide = lambda message: answer
    act = await terminal.withdraw(A, 5_000)
    assert (terminal.till.cash, act.paid, act.fate) == (OPENING, 0, Fate.ANSWERED)


async def test_silence_is_answered_by_the_same_number(branch: Scene) -> None:
    terminal, counter, _ = branch
    await terminal.open()
    terminal._policy = HASTY

    def decide(message: BranchMessage) -> Answer | None:
        terminal._policy = PATIENT  # one silence is enough
        return Approved() if message.is_repeat else None

    counter.decide = decide
    await terminal.deposit(A, 5_000)
    assert [(message.serial, message.is_repeat) for message in counter.heard] == [(1, False), (1, True)]
    assert (terminal.repeats_sent, len(counter.links)) == (1, 2)


async def test_silence_for_ever_ends_in_an_error(branch: Scene) -> None:
    terminal, counter, _ = branch
    terminal._policy = HASTY
    counter.decide = lambda message: None
    with pytest.raises(TimeoutError):
        await terminal.deposit(A, 5_000)


async def test_what_was_done_offline_follows_in_order(branch: Scene) -> None:
    terminal, counter, _ = branch
    await terminal.open()
    terminal.go_offline()
    await terminal.deposit(A, 1_000)
    await terminal.withdraw(A, 400)
    assert not counter.heard
    await terminal.go_online()
    assert [(message.message_type, message.serial) for message in counter.heard] == [("40", 1), ("40", 2)]
    assert terminal.till.cash == OPENING + 600


async def test_a_jump_of_the_counter_is_explained(branch: Scene) -> None:
    terminal, counter, _ = branch
    await terminal.deposit(A, 1_000)
    terminal.till.jump(7)
    await terminal.deposit(A, 2_000)
    assert [message.serial for message in counter.heard] == [1, 9]


@pytest.mark.parametrize(("power", "cash"), [("before", OPENING), ("after", OPENING - 5_000), ("told", OPENING - 5_000)])
async def test_after_a_power_cut_the_count_agrees(branch: Scene, power: str, cash: int) -> None:
    terminal, _, _ = branch
    await terminal.withdraw(A, 5_000, power=power)
    assert terminal.till.confirmed == (1 if power == "told" else 0)
    await terminal.close()
    assert terminal.till.cash == cash


async def test_a_till_that_does_not_balance_is_refused(branch: Scene) -> None:
    terminal, _, _ = branch
    await terminal.open()
    terminal.till.put_in(1)
    with pytest.raises(Refused):
        await terminal.close()
    await terminal.close(approver="MGR00001")


@pytest.mark.parametrize("refusal", [Refusal.OVERLOADED, Refusal.CORE_UNREACHABLE, Refusal.DRAINING])
async def test_not_now_is_a_no_for_this_number_and_the_notes_go_back(branch: Scene, refusal: Refusal) -> None:
    """The relay's refusal is in its journal under the number: saying it again would be answered the same for ever."""
    terminal, counter, _ = branch
    await terminal.open()
    counter.decide = lambda message: refusal
    act = await terminal.deposit(A, 5_000)
    assert (act.returned, act.fate, terminal.till.cash, len(counter.heard)) == (5_000, Fate.ANSWERED, OPENING, 1)
    assert (await terminal.withdraw(A, 1_000)).paid == 0
    counter.decide = lambda message: Approved()
    assert (await terminal.deposit(A, 5_000)).returned == 0, "the next number is a new try"


async def test_without_a_journal_the_same_number_is_said_again(branch: Scene) -> None:
    terminal, counter, _ = branch
    await terminal.open()
    answers = iter((Refusal.NO_JOURNAL, Approved()))
    counter.decide = lambda message: next(answers)
    act = await terminal.deposit(A, 5_000)
    assert (act.returned, [message.serial for message in counter.heard]) == (0, [1, 1])
