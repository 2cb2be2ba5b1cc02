"""A fake branch terminal on a real socket: a teller or an ATM that really has notes, loses power, and balances in the evening.

Owns one connection, one act at a time, and the books. It must never guess what the relay did: it repeats a number with 再送表示
until somebody answers, and reads nothing but answers. The traps: notes go out only on 0000, and the books say so at that
instant; a deposit's notes are in the till *before* the question, and come back only on an explicit no; an answer to an ATM's
question that nobody waits for any more is answered with 不成立通知, because no notes went out.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable

import msgspec

from protocols.branch.codec import Codec
from protocols.branch.dialect import build_dialect, default_profile
from protocols.branch.fields import ANSWER_OF
from protocols.branch.message import BranchMessage, Value
from protocols.framing import FrameCutter
from relay.loopback import branchslips as slips
from relay.loopback.books import Act, Books, Fate
from relay.loopback.branchtill import Till

READ_BYTES = 65_536
IN_PROGRESS, IN_DOUBT, DAY_CLOSED = "2006", "4001", "1003"
AGAIN = frozenset({IN_PROGRESS, "3002"})  # neither yes nor no: the same number is sent again
# To a 取引 these are a no for good: the refusal is in the journal under this number, and nothing else follows.
NO_FOR_GOOD = frozenset({"3001", "3003", "3004", "3005", "3006", "3007", "3008"})
# Not now, to 開局 or 閉局: they have no number, and are simply said again.
LATER = frozenset({IN_PROGRESS, "1009", "3001", "3002", "3003", "3004", "3005", "3006", "3007", "3008"})


class Refused(Exception):
    """The relay said no to 開局, 閉局 or a telegram that must not be refused. `code` is the 応答コード."""

    def __init__(self, what: str, code: str) -> None:
        super().__init__(f"{what}: {code}")
        self.code = code


class BranchPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How this make of terminal behaves; seconds."""

    reply_timeout_s: float = 8.0
    again_s: float = 0.2  # pause before the same number is sent again, and between two tries to connect
    tries_max: int = 300
    approver: str = "MGR00001"


class BranchTerminal:
    """`wall_ms` is UTC epoch milliseconds. Violations of the relay are in `violations`, in words."""

    def __init__(
        self,
        host: str,
        port: int,
        place: slips.Place,
        books: Books,
        cash: int,
        wall_ms: Callable[[], float],
        policy: BranchPolicy | None = None,
        codec: Codec | None = None,
    ) -> None:
        self.place = place
        self.till: Till[BranchMessage] = Till(cash)
        self.violations: list[str] = []
        self.repeats_sent = 0
        self.last_code = ""  # 応答コード of the last question that was answered with a word
        self.is_offline = False
        self.is_mute = False  # shows notices and does not acknowledge them
        self.notices: dict[int, str] = {}  # number -> text, as shown
        self.last_notice = 0  # as stored
        self._host, self._port = host, port
        self._books = books
        self._wall_ms = wall_ms
        self._policy = policy or BranchPolicy()
        self._codec = codec or build_dialect(default_profile(), lambda: 0).codec
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._cutter = FrameCutter(self._codec.framing)
        self._heard: list[BranchMessage] = []

    @property
    def is_connected(self) -> bool:
        return self._writer is not None and not self._writer.transport.is_closing()

    # ---- the line --------------------------------------------------------------------------------------------------------
    async def open(self, approver: str = "") -> BranchMessage:
        """Connect, and 開局 or go on with the day. Raises Refused, or TimeoutError after too many tries."""
        for _ in range(self._policy.tries_max):
            self.cut()
            try:
                self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
            except OSError:
                await asyncio.sleep(self._policy.again_s)
                continue
            answer = await self._once(
                self._made(
                    "10",
                    {"opening_cash": f"{self.till.opening:012}"},
                    approver=approver,
                    center_serial=f"{self.last_notice:010}",
                )
            )
            if answer is not None and answer.code not in LATER:
                if answer.code == "0000":
                    return answer
                self.cut()
                raise Refused("開局", answer.code)
            await asyncio.sleep(self._policy.again_s)
        raise TimeoutError(f"{self.place.name} could not open its day")

    def cut(self) -> None:
        """The line breaks, or the power does: nothing that was on its way is heard any more."""
        if self._writer is not None:
            self._writer.transport.abort()
        self._reader = self._writer = None
        self._cutter = FrameCutter(self._codec.framing)
        self._heard.clear()

    def _say(self, message: BranchMessage) -> None:
        if self._writer is not None and self.is_connected:
            self._writer.write(self._codec.write(message))

    async def _once(self, message: BranchMessage) -> BranchMessage | None:
        """Say it and wait for its answer; None for silence or a broken line."""
        self._say(message)
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(self._policy.reply_timeout_s):
                while (heard := await self._hear()) is not None:
                    if heard.message_type == ANSWER_OF[message.message_type] and heard.serial == message.serial:
                        wrong = slips.mismatch(message, heard)
                        if not wrong:
                            return heard
                        self.violations.append(f"{self.place.name}: {wrong}")
                    else:
                        self._other(heard)
        return None

    async def _hear(self) -> BranchMessage | None:
        while not self._heard:
            data = b"" if self._reader is None else await self._reader.read(READ_BYTES)
            if not data:
                return None
            self._heard += [self._codec.read(frame) for frame in self._cutter.feed(data)]
        return self._heard.pop(0)

    def _other(self, heard: BranchMessage) -> None:
        """What came in between: a question of the relay, or an answer that came late."""
        match heard.message_type:
            case "14":
                self._say(self._made("15"))
            case "16":
                self._say(self._made("17", self._count()))
            case "30":
                # Every number that it asks for was lost with the battery, never used.
                named = {"original_date": heard.original_date, "original_serial": heard.original_serial}
                self._say(self._made("31", {"finding": "2"}, approver=self._policy.approver, **named))
            case "50":
                self._noticed(heard)
            case "21" if heard.code == "0000" and heard.operation == slips.WITHDRAWAL and self.place.kind == "A":
                act = self._books.find(self.place.name, f"{heard.serial:06}")
                if act is not None and not act.paid:
                    self._say(self._completion(heard.serial, 0))

    def _noticed(self, heard: BranchMessage) -> None:
        """A notice is shown once per number, and acknowledged each time it comes."""
        number = int(heard.center_serial)
        if number not in self.notices:
            self.notices[number] = heard.text("text")
            self.last_notice = number
        else:
            self.violations.append(f"{self.place.name}: notice {number} came twice")
        if not self.is_mute:
            self._say(self._made("51", center_serial=heard.center_serial))

    async def read_notices(self, count: int) -> None:
        """Listen until so many notices were shown in all. Raises ConnectionError for a broken line."""
        while len(self.notices) < count:
            heard = await self._hear()
            if heard is None:
                raise ConnectionError(f"{self.place.name}: the line broke before notice {count}")
            self._other(heard)

    async def ask(self, message: BranchMessage) -> BranchMessage:
        """The same number until it is answered with a word. Raises TimeoutError after too many tries."""
        for tries in itertools.count():
            if tries >= self._policy.tries_max:
                raise TimeoutError(f"{self.place.name} got no answer to {message.message_type} {message.serial:06}")
            if self._writer is None:
                await self.open()
            if tries:
                self.repeats_sent += 1
                message = slips.repeated(message, self._sent_at())
            answer = await self._once(message)
            if answer is None:
                self.cut()
            elif answer.code not in (AGAIN if message.is_numbered else LATER):
                self.last_code = answer.code
                return answer
            await asyncio.sleep(self._policy.again_s)
        raise AssertionError("itertools.count does not end")

    # ---- acts ------------------------------------------------------------------------------------------------------------
    async def deposit(self, account: str, amount: int, approver: str = "") -> Act:
        """Notes are taken first; they come back only on an explicit no."""
        act, message = self._begin(slips.DEPOSIT, account, amount, approver=approver)
        self.till.put_in(amount)
        act.taken = amount
        if self._kept_for_later(act, message):
            return act
        answer = await self.ask(message)
        if answer.code not in ("0000", IN_DOUBT):  # in doubt: the relay repeats it until it is posted
            self.till.take_out(amount)
            act.returned = amount
        return self._end(act)

    async def withdraw(self, account: str, amount: int, power: str = "", approver: str = "") -> Act:
        """`power`: "" or where it is cut: "before" the notes go out, "after" they went and before that is stored, "told" when
        it is stored and before 完了確認 left."""
        act, message = self._begin(slips.WITHDRAWAL, account, amount, approver=approver)
        if self._kept_for_later(act, message):
            self.till.take_out(amount)
            act.paid = amount
            return act
        answer = await self.ask(message)
        if answer.code != "0000":
            return self._end(act)
        if power == "before":
            self.cut()
            return self._end(act)
        self.till.take_out(amount)
        act.paid = amount
        if power == "told":
            self.till.confirmed = message.serial
        if power:
            self.cut()
            return self._end(act)
        return self._complete(act, message.serial)

    async def dispense_nothing(self, account: str, amount: int, given: int = 0) -> Act:
        """An approved withdrawal of which the machine gives out only `given`, and says so."""
        act, message = self._begin(slips.WITHDRAWAL, account, amount)
        if (await self.ask(message)).code == "0000":
            if given:
                self.till.take_out(given)
            act.paid = given  # not 確定: that word is for the whole amount, and would be believed for it
            self._say(self._completion(message.serial, given))
        return self._end(act)

    async def transfer(self, account: str, payee: str, amount: int, approver: str = "") -> Act:
        """No notes move; the books call what went over `paid`."""
        act, message = self._begin(slips.TRANSFER, account, amount, payee=payee, approver=approver)
        answer = await self.ask(message)
        act.paid = amount if answer.code == "0000" else 0
        return self._end(act)

    async def cancel(self, act: Act) -> None:
        """取消: what the act moved moves back. Raises Refused."""
        await self._undo(act, act.amount, 0)

    async def correct(self, act: Act, standing: int) -> None:
        """訂正 to a lower amount; the difference moves back. Raises Refused."""
        await self._undo(act, act.amount, standing)

    async def _undo(self, act: Act, amount: int, standing: int) -> None:
        operation = next(code for code, kind in slips.KINDS.items() if kind == act.kind)
        body: dict[str, Value] = {"amount": f"{amount:012}", "reason": ""}
        if standing:
            body["standing"] = f"{standing:012}"
        message = self._made(
            "26" if standing else "24",
            body,
            serial=self.till.next_serial(),
            operation=operation,
            correction="2" if standing else "1",
            original_date=self.place.business_date,
            original_serial=int(act.trace),
        )
        answer = await self.ask(message)
        if answer.code != "0000":
            raise Refused("取消・訂正", answer.code)
        back = amount - standing
        if act.kind == "deposit":
            self.till.take_out(back)
            act.returned += back
        else:
            if act.kind == "withdrawal":
                self.till.put_in(back)
            act.retracted += back
        if not standing:
            act.fate = Fate.REVERSED

    # ---- offline ---------------------------------------------------------------------------------------------------------
    def go_offline(self) -> None:
        """障害オフライン: acts go on against the till, telegrams wait."""
        self.cut()
        self.is_offline = True

    async def go_online(self) -> None:
        """後送: what was done offline, in order. Raises Refused."""
        self.is_offline = False
        while self.till.outbox:
            answer = await self.ask(self.till.outbox[0])
            if answer.code != "0000":
                raise Refused("後送", answer.code)
            self.till.outbox.popleft()

    def _kept_for_later(self, act: Act, message: BranchMessage) -> bool:
        if self.is_offline:
            self.till.outbox.append(msgspec.structs.replace(message, message_type="40", is_offline=True))
            act.fate = Fate.ANSWERED
        return self.is_offline

    # ---- the evening -----------------------------------------------------------------------------------------------------
    async def close(self, approver: str = "") -> None:
        """閉局, with the count that is asked for. Raises Refused."""
        try:
            answer = await self.ask(self._made("12", approver=approver))
        except Refused as refused:
            if refused.code != DAY_CLOSED:
                raise
            return  # the answer to 閉局 was lost, and 開局 says so: the day is over
        if answer.code != "0000":
            raise Refused("閉局", answer.code)
        self.cut()

    def _count(self) -> dict[str, Value]:
        till = self.till
        return {
            "cash": f"{till.cash:012}",
            "in_count": str(till.in_count),
            "in_total": str(till.in_total),
            "out_count": str(till.out_count),
            "out_total": str(till.out_total),
        }

    # ---- small parts -----------------------------------------------------------------------------------------------------
    def _begin(
        self, operation: str, account: str, amount: int, payee: str = "", approver: str = ""
    ) -> tuple[Act, BranchMessage]:
        serial = self.till.next_serial()
        act = self._books.begin(self.place.name, f"{serial:06}", slips.KINDS[operation], account, amount)
        body = slips.body_of(operation, account, amount, payee)
        return act, self._made("20", body, serial=serial, operation=operation, approver=approver)

    def _complete(self, act: Act, serial: int) -> Act:
        """Store 確定, then tell."""
        self.till.confirmed = serial
        if self.place.kind == "A":
            self._say(self._completion(serial, act.paid))
        return self._end(act)

    def _completion(self, serial: int, paid: int) -> BranchMessage:
        body: dict[str, Value] = {"paid": f"{paid:012}"}
        date = self.place.business_date
        return self._made("22" if paid else "23", body, serial=serial, original_date=date, original_serial=serial)

    def _end(self, act: Act) -> Act:
        act.fate = Fate.ANSWERED
        return act

    def _made(self, message_type: str, body: dict[str, Value] | None = None, **items: object) -> BranchMessage:
        named = {"confirmed_serial": self.till.confirmed, **items}
        return slips.telegram(self.place, message_type, self._sent_at(), body, **named)

    def _sent_at(self) -> str:
        return slips.stamp(self._wall_ms())
