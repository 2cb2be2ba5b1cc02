"""One file coming in on one link: asked for or announced, its data in order, its end checked, then handed to be taken.

Owns `Receiving`, for both roles. It must never know the journal: an accepted file goes to `take`, and `finished` is called when
all of it is durable, only then is its end answered. The traps: nothing of a file is asked of the core before all of it is here
and sound, so that a file whose total is wrong costs nobody a yen; the receiver says where the sender goes on, because only he
knows what he has, but never behind the point from which the sender wants to send again: that part may have been corrected, and
it is forgotten durably before the answer; and the same bytes sent again by a far end that never saw our answer are answered,
not taken twice.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable

from protocols.dialect import Store
from protocols.zengin.file.archive import head_name
from protocols.zengin.file.message import DataMessage, FileIdentity, FileMessage
from protocols.zengin.file.profile import FileRule
from protocols.zengin.file.session import Moment, State
from protocols.zengin.file.talk import CHECK, FILE, Talk
from protocols.zengin.file.work import Work

MISTAKES_TOLD_MAX = 50  # notes about one refused file
_SUMS = frozenset({"count", "total", "in_count", "in_total", "out_count", "out_total", "data_records", "record_total"})


class Receiving:
    def __init__(self, talk: Talk, take: Callable[[Work], None]) -> None:
        self._talk = talk
        self._take = take
        self.work: Work | None = None
        self._rule: FileRule | None = None  # of the file that we asked for
        self._wanted = 0  # first record that must come next
        self._held: FileMessage | None = None  # announced, and being taken or forgotten: answered when that is done
        self._forgets = ""  # the variable whose `Stored` says that it is forgotten

    @property
    def is_active(self) -> bool:
        return self.work is not None or self._rule is not None

    @property
    def wanted_file(self) -> str:
        """The name of the file that we asked for; empty where we asked for none."""
        return "" if self._rule is None else self._rule.name

    def is_ended_by(self, message: FileMessage) -> bool:
        """Does this ファイル終了要求 speak of the file that came?"""
        work = self.work
        return work is not None and (work.identity.file, work.identity.cycle) == (message.file, message.cycle)

    # ---- announced: the far end wants to send ----------------------------------------------------------------------------
    def announced(self, message: FileMessage) -> None:
        talk = self._talk
        talk.move(Moment.FILE_ASKED)
        work = self._find(message)
        if work is not None and work.state == "taking":  # the far end lost our answer, or we the line
            self._held = message
            talk.is_ours = True
            return
        stores = [] if work is None or self._judge(message) != "ok" else self._forget(work, message)
        if work is not None and stores:
            talk.actions += stores
            self._held, self._forgets = message, head_name(work)
        else:
            self._announce(message)

    def _forget(self, work: Work, message: FileMessage) -> list[Store]:
        """What is here and must not be part of the file that comes now."""
        archive = self._talk.rules.archive
        same = (work.record_bytes, work.record_count) == (message.record_bytes, message.record_count)
        if message.kind != "file-resend" or message.resume <= 1 or not same:
            return archive.discard(work)
        kept = message.resume - 1
        return archive.rewind(work, kept) if kept < work.received_count else []

    def stored(self, name: str) -> None:
        """Every store of this variable that this link gave is durable."""
        if self._held is not None and name == self._forgets:
            held, self._held, self._forgets = self._held, None, ""
            if not self._talk.is_over:
                self._announce(held)

    def _announce(self, message: FileMessage) -> None:
        talk = self._talk
        result = self._judge(message)
        work = None
        if result == "ok":
            work = self._begin(message, is_resend=message.kind == "file-resend")
            result = "ok" if work is not None else "other"
        resume = 0 if work is None else work.received_count + 1
        answer = FileMessage(
            kind="file-start-answer",
            result=result,
            file=message.file,
            cycle=message.cycle if message.cycle.isdecimal() else "00",
            record_bytes=message.record_bytes,
            record_count=message.record_count,
            resume=resume,
            code=message.code,
        )
        if work is None:
            talk.move(Moment.FILE_REFUSED)
            talk.note("file-refused", f"{message.file}: {result}")
        else:
            talk.move(Moment.FILE_STARTED)
            talk.note("file-started", f"{work.identity.text()}: from record {resume} of {work.record_count}")
        done = self._identity(message)

        def known() -> None:
            talk.actions.extend(talk.rules.archive.confirm(done))

        talk.say(answer, known if result == "duplicate-cycle" else None)

    def _judge(self, message: FileMessage) -> str:
        """The 処理結果 for a file that the far end wants to send."""
        talk = self._talk
        profile = talk.rules.profile
        rule = profile.rule(message.file)
        if rule is None or rule.direction == "send":
            return "no-file"
        if not hmac.compare_digest(message.access_key.reveal().encode(), rule.secret_key().reveal().encode()):
            return "wrong-access-key"
        if not talk.rules.may_be_length(rule, message.record_bytes):
            return "wrong-record-length"
        if message.cycle == "00" or message.code != talk.rules.code_of(rule):
            return "other"
        if message.record_bytes > talk.text_bytes_max or message.record_count * message.record_bytes > profile.file_bytes_max:
            return "other"
        if rule.calls == "batch" and message.record_count * message.record_bytes > profile.batch_bytes_max:
            return "other"
        if talk.rules.archive.is_done(self._identity(message)):
            return "duplicate-cycle"
        work = self._find(message)
        return "other" if work is not None and (work.state == "taking" or work.is_run) else "ok"

    def _identity(self, message: FileMessage) -> FileIdentity:
        station = self._talk.station
        return FileIdentity("" if station is None else station.name, message.file, self._talk.peer_date, message.cycle)

    def _find(self, message: FileMessage) -> Work | None:
        identity = self._identity(message)
        return self._talk.rules.archive.find(identity.station, identity.file, identity.cycle)

    def _begin(self, message: FileMessage, *, is_resend: bool) -> Work | None:
        """The work to fill: what is here already where the far end goes on, else a new one. None: too many are open."""
        archive = self._talk.rules.archive
        work = self._find(message)
        if work is not None:
            same = (work.record_bytes, work.record_count) == (message.record_bytes, message.record_count)
            if not (is_resend and same):
                self._talk.actions += archive.discard(work)
                work = None
            else:
                work.identity = self._identity(message)
        if work is None:
            work = archive.begin(self._identity(message), message.record_bytes, message.record_count)
        if work is not None:
            work.is_run = True
            self.work = work
            self._wanted = work.received_count + 1
        return work

    # ---- asked for: we want a file ---------------------------------------------------------------------------------------
    def may_request(self, rule: FileRule) -> bool:
        """Not while a file of that name is being taken: the far end would send it again, because it does not know."""
        station = self._talk.station
        return not self._talk.rules.archive.is_taking("" if station is None else station.name, rule.name)

    def request(self, rule: FileRule) -> None:
        """照会モード: ask the far end for this file, from where we stand."""
        talk = self._talk
        talk.move(Moment.FILE_ASKED)
        self._rule = rule
        partial = talk.rules.archive.latest(talk.station.name if talk.station else "", rule.name)
        talk.timer(FILE, talk.timers.file_ms)
        talk.say(
            FileMessage(
                kind="file-start" if partial is None else "file-resend",
                file=rule.name,
                access_key=rule.secret_key(),
                cycle="00" if partial is None else partial.identity.cycle,
                record_bytes=0 if partial is None else partial.record_bytes,
                record_count=0 if partial is None else partial.record_count,
                resume=0 if partial is None else partial.received_count + 1,
                code=talk.rules.code_of(rule),
            )
        )

    def answered(self, message: FileMessage) -> bool:
        """The answer to `request`. True when the file comes now."""
        talk = self._talk
        rule, self._rule = self._rule, None
        talk.timer(FILE, None)
        result = message.result
        if result == "ok" and rule is not None:
            checked = FileMessage(
                kind=message.kind,
                file=rule.name,
                access_key=rule.secret_key(),
                cycle=message.cycle,
                record_bytes=message.record_bytes,
                record_count=message.record_count,
                code=message.code,
            )
            result = self._judge(checked)
            if result == "duplicate-cycle":
                result = "ok"  # there is no telegram to refuse it with: it comes, is compared, and is not taken again
            work = self._begin(checked, is_resend=message.resume > 1) if result == "ok" else None
            if work is not None and max(1, message.resume) == work.received_count + 1:
                talk.move(Moment.FILE_STARTED)
                talk.note("file-started", f"{work.identity.text()}: from record {message.resume} of {work.record_count}")
                return True
            self.lost()
            talk.note("file-refused", f"{rule.name}: {result}, from record {message.resume}")
            talk.abort("file-refused")  # the far end sends already: there is no telegram to stop it
            return False
        talk.move(Moment.FILE_REFUSED)
        talk.note("file-refused", f"{'' if rule is None else rule.name}: {result}")
        return False

    # ---- data and end ----------------------------------------------------------------------------------------------------
    def accepts(self, message: DataMessage) -> bool:
        """Whole records, the ones that must come now, and no more than announced; the last may be short where it is so set."""
        work = self.work
        if work is None or message.serial != self._wanted or len(message.text) > self._talk.text_bytes_max:
            return False
        count = -(-len(message.text) // work.record_bytes)
        left = work.record_count - work.received_count - count
        return left >= 0 if len(message.text) % work.record_bytes == 0 else left == 0 and work.may_end_short

    def data(self, message: DataMessage) -> None:
        work = self.work
        if work is None:
            return
        self._talk.actions += self._talk.rules.archive.append(work, message.text)
        work.read(len(message.text))
        self._wanted = work.received_count + 1

    def ended(self, message: FileMessage) -> None:
        """ファイル終了要求: check, and hand the file over. The answer waits until it is durable."""
        talk, work = self._talk, self.work
        talk.move(Moment.END_ASKED)
        if work is None:
            return
        if message.record_count != work.received_count or message.record_count != work.record_count:
            talk.note("file-incomplete", f"{work.identity.text()}: {work.received_count} of {message.record_count} records")
            self._refuse("count-differs")
            return
        talk.is_ours = True
        self.check()

    def check(self) -> None:
        """Read what is not read yet, a slice at a time; then judge the whole file."""
        talk, work = self._talk, self.work
        if work is None or talk.state is not State.FILE_ENDING or talk.is_over:
            return
        if not work.read():
            talk.timer(CHECK, 1)
            return
        archive = talk.rules.archive
        work.reader.finish()
        mistakes = work.reader.mistakes
        if mistakes:
            for mistake in mistakes[:MISTAKES_TOLD_MAX]:
                talk.note("file-mistake", f"{work.identity.text()}: {mistake}")
            talk.note("file-unsound", f"{work.identity.text()}: {work.reader.mistake_count} mistakes")
            self._refuse("count-differs" if all(one.field in _SUMS for one in mistakes) else "other")
            return
        staged = archive.stage(work)  # the digest is of what is staged
        before = archive.done(work.identity)
        if before is not None and before.digest != work.digest:
            self._refuse("duplicate-cycle")
            return
        repeated = before or archive.unconfirmed(work.identity, work.digest)
        if repeated is not None:
            talk.actions += archive.discard(work)
            talk.note("file-repeated", f"{work.identity.text()}: done on {repeated.identity.date}")
            self._answer(repeated.result, repeated.identity)
            return
        twin = archive.twin(work.identity, work.digest)
        rule = talk.rules.profile.rule(work.identity.file)
        if twin is not None and rule is not None and rule.same_bytes == "refuse":
            talk.note("file-sent-twice", f"{work.identity.text()}: the bytes of {twin.identity.text()}")
            self._refuse("duplicate-cycle")
            return
        talk.actions += staged
        self._take(work)

    def _refuse(self, result: str) -> None:
        work = self.work
        if work is not None:
            self._talk.actions += self._talk.rules.archive.discard(work)
        self._answer(result, None)

    def finished(self, identity: FileIdentity, result: str) -> None:
        """Every record is durable, and the file itself remembered as done."""
        held = self._held
        if held is not None and not self._forgets and (held.file, held.cycle) == (identity.file, identity.cycle):
            self._held = None
            self._talk.is_ours = False
            if not self._talk.is_over:
                self._announce(held)
        elif self.work is not None and self.work.identity == identity:
            self._answer(result, identity)

    def _answer(self, result: str, done: FileIdentity | None) -> None:
        talk, work = self._talk, self.work
        self.work = None
        talk.is_ours = False
        if work is None or talk.state is not State.FILE_ENDING:
            return
        talk.move(Moment.FILE_ENDED)
        talk.note("file-received" if result == "ok" else "file-not-taken", f"{work.identity.text()}: {result}")

        def confirmed() -> None:
            if done is not None:
                talk.actions.extend(talk.rules.archive.confirm(done))

        talk.say(
            FileMessage(
                kind="file-end-answer",
                result=result,
                file=work.identity.file,
                cycle=work.identity.cycle,
                record_bytes=work.record_bytes,
                record_count=work.record_count,
            ),
            confirmed,
        )

    def lost(self) -> None:
        """The link ends: what came is kept, durable to its last record."""
        work, self.work = self.work, None
        self._rule = self._held = None
        self._forgets = ""
        if work is not None and work.state == "receiving":
            archive = self._talk.rules.archive
            self._talk.actions += archive.stage(work)
            archive.unsure(work)
