"""`python -m relay.loopback.lab.warden FOLDER CITY...`: keeps each journal's `synchronous_standby_names` as its duty would.

Owns one psql per journal, and the rule: a standby that streams is waited for, one that does not is not. It plays the person
of docs/runbook.md ("A database server fails"), so that a lost center does not stop the other one's commits; a relay that
knows per class what an acknowledgement needs takes its place one day. The trap: a standby that has just come back is behind;
it is waited for only when it streams.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from relay.loopback.lab.databases import OWNER, STANDBY, server
from relay.loopback.lab.door import tool

LOOK_S = 0.2
QUESTION = "SELECT count(*) > 0 FROM pg_stat_replication WHERE application_name = '{name}' AND state = 'streaming';\n"


def statements(is_streaming: bool, is_waited_for: bool | None) -> str:
    """What the server is told, "" where it is as it should be. `is_waited_for` None: nobody knows yet."""
    if is_streaming == is_waited_for:
        return ""
    name = STANDBY if is_streaming else ""
    return f"ALTER SYSTEM SET synchronous_standby_names = '{name}';\nSELECT pg_reload_conf();\n"


async def keep(folder: Path, city: str) -> None:
    """Until its psql ends."""
    journal = server(f"journal-{city}")
    words = ["-X", "-q", "-A", "-t", "-h", str(folder / journal.name), "-p", str(journal.port), "-U", OWNER, "-d", "postgres"]
    psql = await asyncio.create_subprocess_exec(
        tool("psql") or "psql", *words, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert psql.stdin is not None
    assert psql.stdout is not None
    is_waited_for: bool | None = None
    while True:
        psql.stdin.write(QUESTION.format(name=STANDBY).encode())
        answer = await psql.stdout.readline()
        if not answer:
            return
        is_streaming = answer.strip() == b"t"
        if told := statements(is_streaming, is_waited_for):
            psql.stdin.write(told.encode())
            await psql.stdout.readline()  # what pg_reload_conf says
            is_waited_for = is_streaming
            print(f"{city}: the standby is {'waited for' if is_streaming else 'gone, and not waited for'}", flush=True)
        await asyncio.sleep(LOOK_S)


async def keep_always(folder: Path, city: str) -> None:
    """Again and again: the server may be killed and come back."""
    while True:
        await keep(folder, city)
        await asyncio.sleep(LOOK_S)


async def main(folder: Path, cities: list[str]) -> None:
    await asyncio.gather(*(keep_always(folder, city) for city in cities))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2:]))
