"""`relay journal keys` and `relay journal rekey`: which keys rows need, which may go, and a change of keys under traffic.

Owns the words, for `relay check` too. It must never read a key but to name it by its id. The trap: an operator takes a
credential away on the strength of this page, so *may be taken out* is said only where the journal itself says that no row needs
the key.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from relay.cli.screen import count, table
from relay.configuration.relations import Finding
from relay.control.client import ControlClient
from relay.control.report import KeyRow, KeysReport
from relay.credentials import Credentials, CredentialUnusable
from relay.errors import RelayError
from relay.journal.engines import open_source
from relay.journal.keyring import KeyRing
from relay.journal.port import NeededKey
from relay.journal.reader import JournalReader
from relay.settings import Settings

WATCH_S = 0.5
EXIT_NOT_DONE = 2


def rows_of(known: Sequence[NeededKey], settings: Settings) -> list[KeyRow]:
    """The journal's keys, each with the credential that holds it, as far as this user may read credentials; and credentials of
    the configuration that the journal never had."""
    credentials = Credentials(settings.relay.credentials_directory)
    names: dict[str, str] = {}
    for name in (*reversed(settings.journal.older_key_credentials), settings.journal.key_credential):
        try:
            names[KeyRing(credentials.journal_key(name)).key_id] = name
        except CredentialUnusable:
            continue
    rows = [
        KeyRow(each.key_id, names.pop(each.key_id, ""), each.is_current, each.is_needed, archive_count=each.archive_count)
        for each in known
    ]
    mine = settings.journal.key_credential
    return rows + [KeyRow(key_id, name, False, False, is_next=name == mine) for key_id, name in names.items()]


def in_words(row: KeyRow) -> str:
    """What a key is for."""
    if row.is_current:
        return "writes"
    if row.is_next:
        return "writes from the next start, or `relay journal rekey`, on"
    if row.is_needed:
        return "needed by older rows"
    return "no row needs it" + (": its credential may be taken out" if row.may_go else "")


def _archives(row: KeyRow) -> str:
    return f"archives that want it: {count(row.archive_count)}" if row.archive_count else ""


def lines(rows: Iterable[KeyRow]) -> Iterator[str]:
    cells = [
        [row.key_id, in_words(row), f"credential {row.credential}" if row.credential else "", _archives(row)] for row in rows
    ]
    yield from (line.rstrip() for line in table(cells))


def show(known: Sequence[NeededKey], settings: Settings, as_json: bool) -> int:
    rows = rows_of(known, settings)
    print(msgspec.json.encode(rows).decode() if as_json else "\n".join(lines(rows)))
    return 0


def progress(report: KeysReport) -> str:
    """The walk in a sentence."""
    if report.why:
        return f"the walk did not come to its end, and is tried again: {report.why}"
    if report.is_walking:
        return f"{count(report.rekeyed)} rows sealed anew, at most {count(report.left)} exchanges to look at"
    if sum(row.is_needed for row in report.keys) > 1:
        return "older rows wait to be sealed anew"
    return "every row is sealed with the key that writes"


def rekey(client: ControlClient, args: argparse.Namespace) -> int:
    """Take the configuration's keys into use; with --wait until every row is sealed anew."""
    report = client.rekey()
    while args.wait and not report.why and (report.is_walking or sum(row.is_needed for row in report.keys) > 1):
        print(progress(report), file=sys.stderr)
        threading.Event().wait(WATCH_S)
        report = client.status().keys
    if args.json:
        print(msgspec.json.encode(report).decode())
    else:
        print("\n".join([*lines(report.keys), progress(report)]))
    return EXIT_NOT_DONE if report.why else 0


def key_findings(settings: Settings) -> Iterator[Finding]:
    """For `relay check`: keys that the journal needs and nobody gives, and credentials that may go. Silent where there is no
    journal yet, and where the credentials cannot be read here, which is told elsewhere."""
    credentials = Credentials(settings.relay.credentials_directory)
    where = ("journal", "older_key_credentials")
    try:
        for name in (settings.journal.key_credential, *settings.journal.older_key_credentials):
            credentials.journal_key(name)
    except CredentialUnusable:
        return
    if settings.journal.engine == "sqlite" and not os.path.exists(settings.journal.path):
        return
    try:
        reader = JournalReader(open_source(settings.journal, credentials.secret))
        try:
            rows = rows_of(reader.key_views(), settings)
        finally:
            reader.close()
    except RelayError as error:
        yield Finding(("journal",), f"its keys were not looked at: {error.problem.rstrip('.')}", error.next_step, (), True)
        return
    for row in rows:
        if row.is_needed and not row.credential:
            yield Finding(where, f"rows need the key {row.key_id}, which no credential here holds", "add its credential")
        if row.may_go:
            yield Finding(where, f"no row needs the key of credential {row.credential}", "it may be taken out", (), True)
