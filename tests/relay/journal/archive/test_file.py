"""The bytes of an archive: whatever is changed in them is noticed, and nothing larger than a chunk is ever held."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.journal.archive import file as archive_file
from relay.journal.archive.file import CHUNK_BYTES_MAX, CHUNK_CUT_BYTES, MAGIC, ArchiveReader, ArchiveWriter, Damaged, header_of
from relay.journal.archive.record import ArchivedExchange, ArchiveKind, ArchiveTrouble, Plan
from relay.journal.keyring import KeyRing
from tests.relay.journal.archive.test_record import exchange

KEYS = KeyRing(bytes(range(32)))
PLAN = Plan(kind=ArchiveKind.DAY, business_date="2026-11-24", part=1, above_id=0, last_id=9)


def written(exchanges: list[ArchivedExchange], keys: KeyRing = KEYS) -> bytes:
    file = io.BytesIO()
    header, file_key = header_of(PLAN, keys, journal_id=7, center="tokyo", realm="bank", made_ms=5)
    writer = ArchiveWriter(file, header, file_key)
    for each in exchanges:
        writer.add(each)
    writer.end()
    return file.getvalue()


def read(content: bytes, keys: KeyRing = KEYS) -> list[ArchivedExchange]:
    return [each for chunk in ArchiveReader(io.BytesIO(content), "x.archive").exchanges(keys) for each in chunk]


def test_what_was_written_reads_back_with_its_counts() -> None:
    given = [exchange(1), exchange(2, (1, 2)), exchange(3, (3,), request=b"")]
    reader = ArchiveReader(io.BytesIO(written(given)), "x.archive")
    assert [each for chunk in reader.exchanges(KEYS) for each in chunk] == given
    assert reader.end is not None
    assert (reader.end.exchange_count, reader.end.history_count, reader.end.newest_ms) == (3, 3, 1_003)
    assert (reader.header.center, reader.header.journal_id, reader.header.key_id) == ("tokyo", 7, KEYS.key_id)


def test_nothing_of_an_exchange_can_be_read_in_the_file() -> None:
    content = written([exchange(1, request=b"a body that nobody may read")])
    assert b"nobody" not in content
    assert b"ATM00001" not in content


def test_memory_is_bounded_by_a_chunk() -> None:
    """Each is written as soon as it is full, and read by itself."""
    file = io.BytesIO()
    header, file_key = header_of(PLAN, KEYS, journal_id=7, center="tokyo", realm="bank", made_ms=5)
    writer = ArchiveWriter(file, header, file_key)
    body = bytes(CHUNK_CUT_BYTES // 4)
    flushed = [writer.add(exchange(number, request=body)) for number in range(12)]
    assert flushed == [False, False, False, True] * 3
    writer.end()
    file.seek(0)
    assert [len(chunk) for chunk in ArchiveReader(file, "x").exchanges(KEYS)] == [4, 4, 4]


def test_an_exchange_at_the_limit_is_taken_and_one_above_it_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_file, "CHUNK_BYTES_MAX", 1_000)
    small = exchange(1, request=b"")
    room = 1_000 - 5 - (len(archive_file.msgspec.msgpack.encode(small)) + 1)  # a length of more than 255 takes one more byte
    largest = exchange(1, request=bytes(room - 0))
    assert read(written([small, largest])) == [small, largest]
    with pytest.raises(ArchiveTrouble, match="above the limit"):
        written([exchange(1, request=bytes(room + 1))])


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_byte_can_be_changed_unnoticed(data: st.DataObject) -> None:
    content = bytearray(CONTENT)
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ArchiveTrouble):
        read(bytes(content))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2_000))
def test_it_cannot_be_cut_off_nor_grow(length: int) -> None:
    with pytest.raises(Damaged):
        read(CONTENT[: length % len(CONTENT)])
    with pytest.raises(Damaged, match="follows its end"):
        read(CONTENT + b"x")


CONTENT = written([exchange(1), exchange(2, (1, 2))])


def test_chunks_cannot_change_places_nor_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_file, "CHUNK_CUT_BYTES", 1)
    content = written([exchange(1), exchange(2)])
    head = len(MAGIC) + 4 + int.from_bytes(content[len(MAGIC) : len(MAGIC) + 4], "big")
    parts: list[bytes] = []
    rest = content[head:]
    while rest:
        length = 4 + int.from_bytes(rest[:4], "big")
        parts, rest = [*parts, rest[:length]], rest[length:]
    assert len(parts) == 3
    one, two, end = parts
    for order in ((two, one, end), (one, end), (end,), (one, one, two, end), (one, two, two, end)):
        with pytest.raises(Damaged):
            read(content[:head] + b"".join(order))
    with pytest.raises(Damaged):
        read(written([exchange(1), exchange(2)])[:head] + b"".join(parts))


def test_the_key_that_is_wanted_is_named() -> None:
    other = KeyRing(b"o" * 32)
    with pytest.raises(ArchiveTrouble, match=KEYS.key_id) as caught:
        read(CONTENT, other)
    assert not isinstance(caught.value, Damaged)
    assert "older_key_credentials" in caught.value.next_step
    assert len(read(CONTENT, KeyRing(b"o" * 32, [bytes(range(32))]))) == 2


def test_what_a_length_says_is_not_believed() -> None:
    for length in (0, CHUNK_BYTES_MAX + 1, 0xFFFFFFFF):
        with pytest.raises(Damaged, match="out of bounds"):
            read(MAGIC + length.to_bytes(4, "big"))


def test_other_files_and_other_columns_are_refused() -> None:
    for content in (b"", b"SQLite format 3\0" * 9, MAGIC, MAGIC + b"\0\0\0\2{}"):
        with pytest.raises(Damaged):
            read(content)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(archive_file, "TAKEN_COLUMNS", ("another",))
        with pytest.raises(ArchiveTrouble, match="other columns"):
            read(CONTENT)
