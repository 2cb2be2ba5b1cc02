"""An accepted file into the journal: record by record (or whole), a few at a time, again where the journal refused.

Owns `Taker`: which record is asked next, which are taken, and when all are. It must never know the wire. The traps: a record
counts as taken when its `ReplyDecided` says so, and progress is what is taken without a gap, so that a restart asks the rest
and a few again, which the journal answers from its record; a refusal that may pass is asked again later, one that never will
is counted durably and told, and the file then ends with another result than "ok", whichever link or life ends it.
"""

from __future__ import annotations

from collections.abc import Iterator

from protocols.dialect import Ask, Note, Timer
from protocols.vocabulary import Refusal, Reply, Verdict
from protocols.zengin.file.message import BatchMessage, RecordMessage
from protocols.zengin.file.rules import LinkRules
from protocols.zengin.file.talk import RETRY, SKIP, Talk
from protocols.zengin.file.trailers import Trailers
from protocols.zengin.file.work import Work
from protocols.zengin.format.reader import FileReader
from protocols.zengin.format.record import Record

_PIECE_BYTES = 16_384
SKIPPED_MAX = 2_000  # records passed over at a time, some tens of milliseconds
NEVER = frozenset(
    {
        Refusal.FORMAT_ERROR,
        Refusal.UNSUPPORTED,
        Refusal.UNKNOWN_TERMINAL,
        Refusal.KEY_CONFLICT,
        Refusal.REVERSED,
        Refusal.ORIGINAL_NOT_FOUND,
        Refusal.TOO_LATE,
    }
)


class Taker:
    """One accepted file on one link. `is_finished` when every record is taken or refused for good."""

    def __init__(self, rules: LinkRules, work: Work) -> None:
        rule = rules.profile.rule(work.identity.file)
        if rule is None:
            raise ValueError("a file in work has a rule: the archive saw to that")
        self._rules = rules
        self.work = work
        self._rule = rule
        self.trailers = Trailers(rules.kinds, work.identity, work.calls)
        self._limit = rules.profile.asks_waiting_max
        self._source = self._batch() if work.calls == "batch" else self._records()
        self._asked: dict[int, RecordMessage | BatchMessage] = {}
        self._again: list[int] = []
        self._ahead: set[int] = set()  # taken, with a gap before them
        self._is_drained = False  # the source has no more
        self._marked = work.taken
        work.is_run = True

    @property
    def is_finished(self) -> bool:
        return self._is_drained and not self._asked

    @property
    def result(self) -> str:
        return "other" if self.work.refused else "ok"

    def ask(self, talk: Talk) -> None:
        """Ask as many as may wait. What is taken already is passed over in slices: other links wait meanwhile."""
        skipped = 0
        while not self._is_drained and len(self._asked) < self._limit:
            message = next(self._source, None)
            if message is None:
                self._is_drained = True
                break
            number = message.number
            if number <= self.work.taken:
                skipped += 1
                if skipped >= SKIPPED_MAX:
                    talk.timer(SKIP, 1)
                    break
                continue
            self._asked[number] = message
            talk.actions.append(Ask(message))

    def decided(self, message: RecordMessage | BatchMessage, reply: Reply, talk: Talk) -> None:
        number = message.number
        if number not in self._asked:
            return
        if reply.verdict is Verdict.APPROVE:
            del self._asked[number]
            self._take(number, talk)
        elif reply.code in NEVER:
            del self._asked[number]
            self.work.refused += 1
            talk.actions.append(Note("record-refused", f"{message!r}: {reply.code}"))
            self._take(number, talk)
        else:
            if not self._again:
                talk.actions.append(Timer(RETRY, talk.timers.retry_ms))
            self._again.append(number)
            return
        self.ask(talk)

    def retry(self, talk: Talk) -> None:
        """Ask again what was refused for a while."""
        again, self._again = self._again, []
        talk.actions.extend(Ask(self._asked[number]) for number in again if number in self._asked)

    def _take(self, number: int, talk: Talk) -> None:
        work = self.work
        self._ahead.add(number)
        while work.taken + 1 in self._ahead:
            work.taken += 1
            self._ahead.discard(work.taken)
        if work.taken - self._marked >= self._rules.profile.progress_records:
            self._marked = work.taken
            talk.actions.append(self._rules.archive.progress(work))
            talk.actions.append(Note("file-progress", f"{work.identity.text()}: {work.taken} records taken"))

    # ---- what is asked --------------------------------------------------------------------------------------------------
    def _parsed(self) -> Iterator[tuple[FileReader, Record]]:
        reader = FileReader(self._rule.format)
        content = self.work.content
        for at in range(0, len(content), _PIECE_BYTES):
            for record in reader.feed(bytes(content[at : at + _PIECE_BYTES])):
                yield reader, record
        for record in reader.finish():
            yield reader, record

    def _records(self) -> Iterator[RecordMessage | BatchMessage]:
        header: Record | None = None
        number = 0
        for reader, record in self._parsed():
            if record.kind == "1":
                header = record
            elif record.kind == "2" and header is not None:
                number += 1
                yield RecordMessage(self.work.identity, reader.type_code, number, header, record)
            elif record.kind == "8" and header is not None:
                self.trailers.feed(reader.type_code, header, record)

    def _batch(self) -> Iterator[RecordMessage | BatchMessage]:
        identity, digest = self.work.identity, self.work.digest
        header: Record | None = None
        lines: list[str] = []
        type_code = ""
        number = count = total = 0
        for reader, record in self._parsed():
            if record.kind == "1":
                if header is not None and count:
                    number += 1
                    yield BatchMessage(identity, type_code, count, total, header, tuple(lines), digest, number)
                header, lines, count, total = record, [], 0, 0
            type_code = reader.type_code
            lines.append("".join(_padded(reader, record)))
            if record.kind == "2":
                count += 1
                total += record.number("amount")
            elif record.kind == "8" and header is not None:
                self.trailers.feed(type_code, header, record)
        if header is not None and count:
            yield BatchMessage(identity, type_code, count, total, header, tuple(lines), digest, number + 1)


def _padded(reader: FileReader, record: Record) -> Iterator[str]:
    for field in reader.fields(record.kind):
        yield record.fields[field.name].ljust(field.width)
