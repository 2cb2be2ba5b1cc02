"""The journal's keys and the records of reveals in the running daemon: a change of keys, the walk after it, who saw what.

Owns the walk's beginning and its next try, the handlers of `relay journal rekey` and `--reveal`, and the words in the log. It
must never hold a key longer than it takes to make a ring of it. The traps: a key is taken into use only from the configuration
that the next start will read, or that start would lack it; and a reveal that a command recorded while no relay ran is told at
the next start, so what was told is kept on disk, and the counter counts the journal's records and not this process's. A walk
that did not come to its end is tried again: it skips what is done, and no key is let go before its end, so a try harms nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from relay.bridge import answer_of
from relay.clock import Cancellable
from relay.configfile import load
from relay.control import commands as c
from relay.control import report as r
from relay.control.server import CALLER_UID, Handler
from relay.errors import JournalUnusable, RelayError
from relay.journal.audit import StoredReveal, reveal_of
from relay.journal.engines import is_same_place
from relay.journal.keyring import KeyRing
from relay.journal.port import JournalFailed, JournalState, StepResult
from relay.settings import JournalSettings, Settings
from relay.telemetry.log import get_log

if TYPE_CHECKING:
    from relay.daemon import Daemon

log = get_log("keeper")

LOOK_MS: Final = 10_000  # how often the journal is asked what it needs, and whether a command has recorded a reveal
RETRY_MS: Final = 600_000  # after a walk that did not come to its end
TOLD_COUNT_MAX: Final = 500  # reveals told in one look
LINK_NAME: Final = "@keeper"  # beside the listeners, whose names have no such sign
TOLD: Final = "reveals-told"


class Keeper:
    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._names = self._names_of(daemon.settings.journal)
        self._timer: Cancellable | None = None
        self._next_walk: Cancellable | None = None
        self._is_walking = False
        self._is_changing = False
        self._is_stopped = False
        self._why = ""  # the last walk did not come to its end
        self._told_id = 0
        self._rows: tuple[r.KeyRow, ...] = ()

    def handlers(self) -> Mapping[str, Handler]:
        return {"rekey": self._rekey, "reveal": self._reveal}

    def start(self) -> None:
        journal = self._daemon.journal
        told = journal.variables(LINK_NAME).get(TOLD)
        self._told_id = 0 if told is None else int(told)
        try:
            untold = journal.reveals(self._told_id, TOLD_COUNT_MAX)
            self._daemon.metrics.journal_reveals.inc(journal.reveal_count() - len(untold))
        except JournalUnusable as error:
            log.warning("records of reveals cannot be counted", why=error.problem)
        self._walk()
        self._look()

    def stop(self) -> None:
        for timer in (self._timer, self._next_walk):
            if timer is not None:
                timer.cancel()
        self._is_stopped = True  # the rest of a walk is answered by the close of the journal

    # ---- what is -----------------------------------------------------------------------------------------------------
    def report(self) -> r.KeysReport:
        progress = self._daemon.journal.rekey_progress()
        return r.KeysReport(
            keys=self._rows,
            is_walking=progress.is_walking,
            rekeyed=progress.rekeyed_count,
            left=progress.left_count,
            why=self._why,
        )

    def _look(self) -> None:
        self._timer = self._daemon.timers.after(LOOK_MS, self._look)
        self._look_now()

    def _look_now(self) -> None:
        journal = self._daemon.journal
        try:
            known = journal.known_keys()
            self._tell(journal.reveals(self._told_id, TOLD_COUNT_MAX))
        except JournalUnusable:
            return  # its server is away: as last seen
        self._daemon.metrics.journal_keys.set(sum(each.is_needed for each in known))
        rows = [
            r.KeyRow(k.key_id, self._names.get(k.key_id, ""), k.is_current, k.is_needed, archive_count=k.archive_count)
            for k in known
        ]
        unused = self._names.keys() - {each.key_id for each in known}
        self._rows = (*rows, *(r.KeyRow(key_id, self._names[key_id], False, False) for key_id in sorted(unused)))

    # ---- a change of keys ----------------------------------------------------------------------------------------------
    async def take_keys(self, settings: Settings) -> None:
        """The keys that `settings` name, from the moment the journal holds that durably. Raises RelayError; nothing is changed
        then, but where the journal itself fails, which the next start finds out."""
        d = self._daemon
        if self._is_changing:
            raise RelayError("a change of the journal's key is under way.", "Try again when it is done: relay status")
        if d.workers.share is not None:
            raise RelayError("several workers write with one key.", "Stop the relay, and start it with the new key.")
        if d.journal.state is not JournalState.WRITABLE:
            raise JournalUnusable(f"The journal is {d.journal.state.value}: its key is not changed now.", "See: relay status")
        names, ring = self._names_of(settings.journal), self._ring_of(settings.journal)
        before = d.journal.key_id
        self._is_changing = True
        try:
            result: StepResult = await answer_of(partial(d.journal.change_key, ring))
        finally:
            self._is_changing = False
        if isinstance(result, JournalFailed):
            raise JournalUnusable(
                f"The journal's key is not changed: {result.why}.",
                "Name the keys that rows need in journal.older_key_credentials: relay journal keys.",
            )
        self._names = names
        d.settings = d.settings.model_copy(update={"journal": d.settings.journal.model_copy(update=_keys_in(settings.journal))})
        if ring.key_id != before:
            log.warning("the journal's key was changed", before=before, after=ring.key_id)
        self._walk()
        self._look_now()

    async def _rekey(self, args: c.RekeyArgs) -> r.KeysReport:
        await self.take_keys(load(self._daemon.config_path))
        return self.report()

    def _ring_of(self, journal: JournalSettings) -> KeyRing:
        read = self._daemon.credentials.journal_key
        return KeyRing(read(journal.key_credential), [read(name) for name in journal.older_key_credentials])

    def _names_of(self, journal: JournalSettings) -> dict[str, str]:
        """Key id -> credential."""
        read = self._daemon.credentials.journal_key
        names = (*reversed(journal.older_key_credentials), journal.key_credential)
        return {KeyRing(read(name)).key_id: name for name in names}

    def _walk(self) -> None:
        """Seal anew what older keys sealed. One under way takes a new key up by itself."""
        if not self._is_walking:
            self._is_walking = True
            self._daemon.journal.rekey(self._walked)

    def _walked(self, result: int | JournalFailed) -> None:
        self._is_walking = False
        if self._is_stopped:
            return
        if isinstance(result, JournalFailed):
            self._why = result.why
            self._daemon.metrics.journal_rekey_failures.inc()
            log.error("journal keys not looked through", why=result.why, again_ms=RETRY_MS)
            self._next_walk = self._daemon.timers.after(RETRY_MS, self._walk)
        else:
            self._why = ""
            log.info("journal keys looked through", rows=result)
        self._look_now()

    # ---- reveals ---------------------------------------------------------------------------------------------------------
    async def _reveal(self, args: c.RevealArgs) -> r.Recorded:
        d = self._daemon
        if not is_same_place(d.settings.journal, args.place):
            return r.Recorded(False)
        try:
            record = reveal_of(
                token=args.token,
                at_ms=d.clock.wall_ms(),
                who=args.who,
                reason=args.reason,
                uid=CALLER_UID.get(),
                asked=args.asked,
                exchange_ids=args.exchange_ids,
            )
        except ValueError as error:
            raise RelayError(f"{error}.") from error
        result: StepResult = await answer_of(partial(d.journal.record_reveal, record))
        if isinstance(result, JournalFailed):
            raise JournalUnusable(f"The reveal cannot be recorded: {result.why}.", "Nothing is shown. See: relay status")
        self._look_now()
        return r.Recorded(True)

    def _tell(self, found: Sequence[StoredReveal]) -> None:
        """Into the log and the counter, once; after a crash in between perhaps twice into the log, never not at all."""
        for stored in found:
            reveal = stored.reveal
            log.warning(
                "card numbers were shown",
                reveal=stored.reveal_id,
                who=reveal.who,
                reason=reveal.reason,
                uid=reveal.uid,
                asked=reveal.asked,
                exchanges=len(reveal.exchange_ids),
            )
            self._daemon.metrics.journal_reveals.inc()
        if found:
            self._told_id = found[-1].reveal_id
            self._daemon.journal.store_variable(LINK_NAME, TOLD, str(self._told_id).encode(), lambda _: None)


def _keys_in(journal: JournalSettings) -> dict[str, object]:
    return {"key_credential": journal.key_credential, "older_key_credentials": journal.older_key_credentials}
