"""The key of the run log: a rewritten chain is found, keys are changed, old logs are read where root has pinned them."""

from __future__ import annotations

import msgspec
import pytest

from relay.errors import ConfigurationError
from relay.failover import events as e
from relay.failover.chain import ROOT, ChainBroken, NotSigned, hash_of, read_log, seal_line
from relay.failover.events import Entry, Held
from relay.failover.keeper import Keeper
from relay.failover.logkeys import NO_KEYS, LogKeys
from relay.failover.peer import Copier, Replica
from tests.relay.failover.test_peer import Direct
from tests.support.failoverbook import Book
from tests.support.failoverdisk import Executioner, MemoryShelf

ONE, TWO = b"1" * 31 + b"x", b"2" * 31 + b"x"
KEYS = LogKeys("log-1", {"log-1": ONE})
BOTH = LogKeys("log-2", {"log-2": TWO, "log-1": ONE})


def chain(texts: str, keys: LogKeys, before: str = ROOT, number: int = 1) -> bytes:
    data = b""
    for at, text in enumerate(texts, number):
        line = seal_line(Entry(number=at, at_ms=at, term=1, before=before, event=Held(why=text)), keys)
        data, before = data + line, line[:64].decode()
    return data


def last_of(data: bytes) -> str:
    return data.splitlines()[-1][:64].decode()


def texts(data: bytes, keys: LogKeys) -> str:
    return "".join(getattr(entry.event, "why", "") for entry in read_log(data, keys).entries)


def test_what_is_signed_is_read_and_a_chain_without_the_key_is_not() -> None:
    assert texts(chain("abc", KEYS), KEYS) == "abc"
    with pytest.raises(NotSigned, match="not signed up to line 3"):
        read_log(chain("abX", NO_KEYS), KEYS)  # somebody rewrote the file, hashes and all
    with pytest.raises(NotSigned, match="not known here"):
        read_log(chain("abX", LogKeys("mine", {"mine": TWO})), KEYS)
    with pytest.raises(NotSigned, match="not signed by the key that it names"):
        read_log(chain("abX", LogKeys("log-1", {"log-1": TWO})), KEYS)


def test_one_line_changed_with_a_new_hash_is_found_at_that_line() -> None:
    one, two, three = chain("abc", KEYS).splitlines(keepends=True)
    body = two.split(b" ", 2)[2].rstrip(b"\n").replace(b'"b"', b'"X"')
    forged = hash_of(body).encode() + b" " + two.split(b" ", 2)[1] + b" " + body + b"\n"
    with pytest.raises(NotSigned, match="line 2"):
        read_log(one + forged + three, KEYS)


def test_a_signed_line_is_never_followed_by_an_unsigned_one() -> None:
    data = chain("ab", KEYS)
    for keys in (KEYS, NO_KEYS, LogKeys("log-1", {"log-1": ONE}, (last_of(data),))):
        with pytest.raises(NotSigned, match="line 3"):
            read_log(data + chain("c", NO_KEYS, last_of(data), 3), keys)


def test_a_key_is_changed_and_the_log_goes_on() -> None:
    data = chain("ab", KEYS)
    data += chain("c", BOTH, last_of(data), 3)
    assert texts(data, BOTH) == "abc"
    with pytest.raises(NotSigned, match="'log-2'"):
        read_log(data, KEYS)


def test_an_old_log_is_read_where_its_last_hash_is_pinned_and_may_go_on_signed() -> None:
    old = chain("ab", NO_KEYS)
    pinned = LogKeys("log-1", {"log-1": ONE}, (last_of(old),))
    assert texts(old, pinned) == "ab"
    longer = old + chain("c", pinned, last_of(old), 3)
    assert texts(longer, pinned) == "abc"
    with pytest.raises(NotSigned, match=last_of(old)) as told:
        read_log(longer, KEYS)
    assert "unsigned_logs" in told.value.next_step
    with pytest.raises(NotSigned):
        read_log(chain("a", NO_KEYS), pinned)  # a piece of it is another log


def test_without_a_key_everything_is_read_as_it_was() -> None:
    assert texts(chain("ab", NO_KEYS), NO_KEYS) == "ab"
    assert texts(chain("ab", KEYS), NO_KEYS) == "ab"


def test_names_and_keys_fit() -> None:
    with pytest.raises(ConfigurationError, match="no name"):
        LogKeys("a.b", {"a.b": ONE})
    with pytest.raises(ConfigurationError, match="not known"):
        LogKeys("log-1", {})


def test_the_keeper_signs_and_reads_its_own() -> None:
    book = Book()
    shelf = MemoryShelf(book.executioner, book.files, KEYS)
    book.keeper = Keeper(shelf, book.time, "tokyo")
    book.to_gate(2)
    assert read_log(bytes(book.files["r1"]), KEYS).place == book.keeper.place
    assert book.keeper.place.is_signed
    again = Keeper(shelf, book.time, "tokyo")
    again.load()
    assert again.run.state is book.run.state
    book.files["r1"][-10:-9] = b"~"
    with pytest.raises(ChainBroken):
        shelf.open("r1").read()
    changed = Keeper(shelf, book.time, "tokyo")
    changed.load()
    assert (changed.name, changed.records.unclear) == ("", ("r1",))


def test_without_its_signatures_a_log_tells_nothing_of_its_end() -> None:
    """Whoever can write the file and has no key makes hashes that fit: an end that nobody signed is none."""
    book = Book()
    book.keeper = Keeper(MemoryShelf(book.executioner, book.files, KEYS), book.time, "tokyo")
    book.declare()
    book.write(e.AbortAsked(who="Doi", why="x"))
    book.write(e.Undone())
    last, forged = ROOT, b""
    for entry in book.keeper.entries:
        line = seal_line(msgspec.structs.replace(entry, before=last))
        last, forged = line[:64].decode(), forged + line
    files = {"r1": bytearray(forged)}
    again = Keeper(MemoryShelf(book.executioner, files, KEYS), book.time, "tokyo")
    again.load()
    one = again.records.damaged["r1"]
    assert (one.standing, one.lines, one.state) == ("unknown", 0, "")
    assert last in one.next_step  # what root pins, who knows the log
    pinned = LogKeys("log-1", {"log-1": ONE}, (last,))
    again = Keeper(MemoryShelf(book.executioner, files, pinned), book.time, "tokyo")
    again.load()
    assert (again.name, again.records.damaged) == ("r1", {})


async def test_a_copy_is_judged_by_the_keys_of_its_own_center() -> None:
    book = Book()
    book.keeper = Keeper(MemoryShelf(book.executioner, book.files, KEYS), book.time, "tokyo")
    book.to_gate(1)
    for keys, why in ((KEYS, ""), (LogKeys("log-2", {"log-2": TWO}), "not known here"), (NO_KEYS, "")):
        other = Keeper(MemoryShelf(Executioner(), {}, keys), book.time, "osaka")
        copier = Copier(book.keeper, Direct(Replica(other, "osaka")))
        assert await copier.flush() is (not why)
        assert why in copier.why
        assert not book.run.held  # two keys that differ are no second log
