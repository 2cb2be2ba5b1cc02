"""Branch telegrams and a link for tests: a terminal's words in, what the dialogue wants out, with a journal that always writes.

Owns samples with invented accounts. It must never be imported by the product. The trap: `BranchLink` acknowledges every `Store`
at once and in order; a test about what happens before that uses a playbook.
"""

from __future__ import annotations

from collections.abc import Callable

from protocols.branch.codec import Codec
from protocols.branch.dialect import BranchDialect, build_dialect, default_profile
from protocols.branch.hooks import Hooks
from protocols.branch.message import BranchMessage, Value
from protocols.dialect import Action, Ask, BytesArrived, Event, HandBack, LinkOpened, Refuse, ReplyDecided, Send, Store, Stored
from protocols.framing import FrameCutter
from protocols.vocabulary import Answer, Approved, Received, Refusal, Request, Secret

REALM = "bank"
DAY = "20261125"
WALL_MS = 1_795_000_000_000
ACCOUNT: dict[str, Value] = {"account_branch": "123", "account_type": "1", "account": "0000001"}


def make_branch(hooks: Hooks | None = None, **profile: object) -> BranchDialect:
    return build_dialect(default_profile(**profile), lambda: WALL_MS, hooks or Hooks())


BRANCH_P1 = make_branch()


def telegram(message_type: str, *, body: dict[str, Value] | None = None, **changes: object) -> BranchMessage:
    """A telegram of ATM 0042 of branch 123 on the day of the tests."""
    given: dict[str, object] = {
        "bank": "9901",
        "branch": "123",
        "terminal_kind": "A",
        "terminal": "0042",
        "business_date": DAY,
        "value_date": DAY,
        "sent_at": DAY + "091500",
        **changes,
    }
    return BranchMessage(message_type=message_type, body=body or {}, **given)  # type: ignore[arg-type]  # items by name


def opening(cash: int = 1_000_000, **changes: object) -> BranchMessage:
    return telegram("10", body={"opening_cash": f"{cash:012}"}, **changes)


def withdrawal(serial: int, amount: int = 10_000, **changes: object) -> BranchMessage:
    body = {**ACCOUNT, "amount": f"{amount:012}", "pin_block": Secret("0" * 16)}
    return telegram("20", **{"operation": "01002", "serial": serial, "body": body, **changes})  # type: ignore[arg-type]


def deposit(serial: int, amount: int = 10_000, **changes: object) -> BranchMessage:
    body = {**ACCOUNT, "amount": f"{amount:012}", "name": "ﾔﾏﾀﾞ ﾊﾅｺ", "remark": ""}
    return telegram("20", **{"operation": "01001", "serial": serial, "body": body, **changes})  # type: ignore[arg-type]


def completion(serial: int, paid: int, message_type: str = "22", **changes: object) -> BranchMessage:
    body: dict[str, Value] = {"paid": f"{paid:012}"}
    return telegram(message_type, body=body, serial=serial, original_date=DAY, original_serial=serial, **changes)


def cancel(serial: int, original: int, amount: int = 10_000, operation: str = "01002", **changes: object) -> BranchMessage:
    body: dict[str, Value] = {"amount": f"{amount:012}", "reason": ""}
    named = {"original_date": DAY, "original_serial": original, "operation": operation, "correction": "1"}
    return telegram("24", body=body, serial=serial, **{**named, **changes})


def correct(serial: int, original: int, amount: int, standing: int, operation: str = "01002") -> BranchMessage:
    body: dict[str, Value] = {"amount": f"{amount:012}", "standing": f"{standing:012}", "reason": ""}
    named = {"original_date": DAY, "original_serial": original, "operation": operation, "correction": "2"}
    return telegram("26", body=body, serial=serial, **named)


def count(cash: int) -> BranchMessage:
    return telegram("17", body={"cash": f"{cash:012}"})


def messages_in(data: bytes, codec: Codec = BRANCH_P1.codec) -> list[BranchMessage]:
    return [codec.read(frame) for frame in FrameCutter(codec.framing).feed(data)]


def request_of(message: BranchMessage, branch: BranchDialect = BRANCH_P1) -> Request:
    request = branch.to_request(message, Received(WALL_MS, "branch", REALM, "branch"))
    assert isinstance(request, Request)
    return request


class BranchLink:
    """One link of a listener whose variables are in `stored`; `inherited` are those of another center's journal."""

    def __init__(
        self,
        branch: BranchDialect = BRANCH_P1,
        stored: dict[str, bytes] | None = None,
        now_ms: int = 0,
        inherited: dict[str, bytes] | None = None,
    ) -> None:
        self.branch = branch
        self.stored = {} if stored is None else stored
        self.dialogue = branch.new_dialogue()
        self.now_ms = now_ms
        self.asked: list[BranchMessage] = []
        self.inherited = {} if inherited is None else inherited
        self.step(LinkOpened("192.0.2.1", 40_000, stored=dict(self.stored), realm=REALM, inherited=self.inherited))

    def step(self, event: Event, is_writable: Callable[[Store], bool] = lambda store: True) -> list[Action]:
        """All actions but the stores, in the order in which a link would perform them."""
        done: list[Action] = []
        queue = list(self.dialogue.step(event, self.now_ms))
        while queue:
            action = queue.pop(0)
            if isinstance(action, Store):
                ok = is_writable(action)
                if ok:
                    self.stored[action.name] = action.value
                queue.extend(self.dialogue.step(Stored(action.name, ok), self.now_ms))
            elif isinstance(action, HandBack):
                assert action.name in self.inherited, "nothing new comes into the other center's journal"
                self.inherited[action.name] = action.value
            else:
                if isinstance(action, Ask):
                    assert isinstance(action.message, BranchMessage)
                    self.asked.append(action.message)
                done.append(action)
        return done

    def say(self, *messages: BranchMessage) -> list[Action]:
        data = b"".join(self.branch.codec.write(message) for message in messages)
        return self.step(BytesArrived(data))

    def open(self, cash: int = 1_000_000, **changes: object) -> BranchLink:
        said = self.say(opening(cash, **changes))
        assert self.dialogue.is_signed_on, said
        return self

    def answer(self, message: BranchMessage, answer: Answer | None = None) -> list[Action]:
        reply = self.branch.to_reply(message, Approved(authorisation_id="000123") if answer is None else answer, WALL_MS)
        return self.step(ReplyDecided(message, reply))

    def do(self, message: BranchMessage, answer: Answer | None = None) -> list[Action]:
        """Say it; where it is asked, answer it."""
        before = len(self.asked)
        actions = self.say(message)
        for asked in self.asked[before:]:
            actions += self.answer(asked, answer)
        return actions

    def sent(self, actions: list[Action]) -> list[BranchMessage]:
        data = [action.data for action in actions if isinstance(action, (Send, Refuse)) and action.data]
        return messages_in(b"".join(data), self.branch.codec)

    def codes(self, actions: list[Action]) -> list[str]:
        """電文種別 and 応答コード of what was sent, as in "21 0000"."""
        return [f"{message.message_type} {message.code}" for message in self.sent(actions)]


def code_of(word: str | Refusal) -> str:
    return BRANCH_P1.rules.codes[word]
