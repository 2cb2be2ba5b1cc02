"""What a listener remembers: durable in an order that a crash may cut, digests that notice, slots used again."""

from __future__ import annotations

import pytest

from protocols.dialect import Store
from protocols.zengin.file.archive import Archive, done_name
from protocols.zengin.file.message import FileIdentity
from protocols.zengin.file.work import Work
from protocols.zengin.format.settings import FormatSettings
from tests.support.zenginfiles import sound_file

ONE = FileIdentity("COMPANY", "SOUFURI", "20261125", "01")
TWO = FileIdentity("COMPANY", "SOUFURI", "20261125", "02")
CONTENT = sound_file("21", 5)


def archive(open_max: int = 2, stage_bytes: int = 240) -> Archive:
    made = Archive({"SOUFURI": FormatSettings()}, open_max, stage_bytes, 40)
    made.load({})
    return made


def reloaded(stores: list[Store], count: int | None = None) -> tuple[Archive, list[str]]:
    """A new process that finds the first `count` stores durable."""
    variables: dict[str, bytes] = {}
    for store in stores[:count]:
        variables[store.name] = store.value
    made = Archive({"SOUFURI": FormatSettings()}, 2, 240, 40)
    return made, made.load(variables)


def filled(made: Archive, stores: list[Store], content: bytes = CONTENT) -> Work:
    work = made.begin(ONE, 120, 8)
    assert work is not None
    for at in range(0, len(content), 120):
        stores += made.append(work, content[at : at + 120])
    return work


def test_received_bytes_are_staged_in_parts_and_come_back_after_any_crash() -> None:
    stores: list[Store] = []
    made = archive()
    work = filled(made, stores)
    stores += made.stage(work)
    assert work.parts == [(0, 240), (1, 240), (2, 240), (3, 240)]
    for count in range(len(stores) + 1):
        other, troubles = reloaded(stores, count)
        found = other.find("COMPANY", "SOUFURI", "01")
        assert not troubles
        durable = 240 * (count // 2)
        assert (0 if found is None else len(found.content)) == durable
        assert found is None or bytes(found.content) == CONTENT[:durable]


def test_bytes_that_are_not_the_ones_are_noticed() -> None:
    stores: list[Store] = []
    made = archive()
    work = filled(made, stores)
    stores += made.stage(work)
    stores[2] = Store(stores[2].name, bytes(240))
    other, troubles = reloaded(stores)
    assert other.find("COMPANY", "SOUFURI", "01") is None
    assert "not the ones" in troubles[0]
    assert other.begin(ONE, 120, 8) is not None


def test_an_accepted_file_is_taken_up_from_its_last_mark() -> None:
    stores: list[Store] = []
    made = archive()
    work = filled(made, stores)
    stores += made.accept(work, "record")
    work.taken = 3
    stores.append(made.progress(work))
    other, troubles = reloaded(stores)
    (found,) = other.unfinished()
    assert not troubles
    assert (found.identity, found.taken, bytes(found.content)) == (ONE, 3, CONTENT)
    assert found.digest == work.digest
    found.is_run = True
    assert list(other.unfinished()) == []


def test_an_accepted_file_that_cannot_be_read_is_never_written_over() -> None:
    stores: list[Store] = []
    made = archive(open_max=1)
    stores += made.accept(filled(made, stores), "record")
    stores[0] = Store(stores[0].name, bytes(240))
    variables = {store.name: store.value for store in stores}
    other = Archive({"SOUFURI": FormatSettings()}, 1, 240, 40)
    assert "not the ones" in other.load(variables)[0]
    assert other.begin(ONE, 120, 8) is None
    assert other.begin(TWO, 120, 8) is not None
    gone = Archive({}, 1, 240, 40)
    assert "no longer configured" in gone.load(variables)[0]


@pytest.mark.parametrize("cut", range(4))
def test_done_is_durable_before_the_bytes_are_given_up(cut: int) -> None:
    stores: list[Store] = []
    made = archive()
    work = filled(made, stores)
    stores += made.accept(work, "record")
    ending = [made.finish(work, "ok"), *made.release(work)]
    assert ending[0].name == done_name("COMPANY")
    other, troubles = reloaded([*stores, *ending[:cut]])
    assert not troubles
    assert other.is_done(ONE) is (cut > 0)
    assert len(list(other.unfinished())) == (1 if cut == 0 else 0)


def test_files_in_work_are_limited_and_names_used_again() -> None:
    made = archive(open_max=2)
    first, second = made.begin(ONE, 120, 8), made.begin(TWO, 120, 8)
    assert first is not None
    assert second is not None
    assert made.begin(FileIdentity("COMPANY", "SOUFURI", "20261125", "03"), 120, 8) is None
    assert made.begin(TWO, 120, 8) is None
    made.append(first, bytes(240))
    assert [(store.name, store.value) for store in made.discard(first)] == [
        ("zfile/head/COMPANY/SOUFURI/01", b""),
        ("zfile/text/COMPANY/SOUFURI/01/0", b""),
    ]
    assert made.begin(ONE, 120, 8) is not None


def test_what_the_far_end_may_not_know_is_found_by_its_bytes() -> None:
    made = archive()
    work = filled(made, [])
    made.accept(work, "record")
    digest = work.digest
    made.finish(work, "ok")
    assert not made.is_done(ONE), "not before it is durable"
    made.release(work)
    tomorrow = FileIdentity("COMPANY", "SOUFURI", "20261126", "01")
    assert made.unconfirmed(tomorrow, digest) is not None
    assert made.unconfirmed(tomorrow, "other") is None
    assert made.unconfirmed(TWO, digest) is None
    assert made.confirm(ONE)
    assert made.unconfirmed(tomorrow, digest) is None
    assert made.confirm(ONE) == []


def test_what_is_older_than_the_window_is_forgotten() -> None:
    made = archive()
    work = filled(made, [])
    made.finish(work, "ok")
    made.release(work)
    late = made.begin(FileIdentity("COMPANY", "SOUFURI", "20270106", "01"), 120, 8)
    assert late is not None
    made.finish(late, "ok")
    made.release(late)
    assert not made.is_done(ONE)


def test_unreadable_variables_are_told() -> None:
    made = Archive({"SOUFURI": FormatSettings()}, 2, 240, 40)
    troubles = made.load({"zfile/head/X/Y/01": b"{", "zfile/done/X": b"{", "other": b"1"})
    assert len(troubles) == 2
    assert made.load({"zfile/head/X/Y/02": b"{"}) == []


@pytest.mark.parametrize("durable", range(9))
def test_bytes_whose_fate_nobody_saw_are_kept_as_far_as_they_are_durable(durable: int) -> None:
    variables: dict[str, bytes] = {}
    stores: list[Store] = []
    made = archive()
    made.load(variables)  # a live view
    work = filled(made, stores)
    stores += made.stage(work)
    assert len(stores) == 8
    variables.update({store.name: store.value for store in stores[:durable]})
    made.unsure(work)
    again = made.accept(work, "record")
    texts = [store for store in again if "/text/" in store.name]
    assert sum(len(store.value) for store in texts) == 240 * ((8 - durable) // 2)
    assert not {store.name for store in texts} & {store.name for store in stores}, "an old store may be on its way"
    for cut in range(len(again) + 1):
        other, troubles = reloaded([*stores[:durable], *again[:cut]])
        assert not troubles
        found = other.find("COMPANY", "SOUFURI", "01")
        assert cut < len(again) or found is not None
        assert found is None or CONTENT.startswith(bytes(found.content))
        assert cut < len(again) or (found is not None and found.state == "taking")


def test_any_number_of_lost_links_stores_each_byte_once() -> None:
    """Nothing grows with the number of cuts: not the variables, not the bytes in them."""
    variables: dict[str, bytes] = {}
    made = archive()
    made.load(variables)
    work = made.begin(ONE, 120, 8)
    assert work is not None
    for at in range(0, len(CONTENT), 120):
        stores = made.append(work, CONTENT[at : at + 120]) + made.stage(work)
        variables.update({store.name: store.value for store in stores})
        made.unsure(work)
    variables.update({store.name: store.value for store in made.accept(work, "record")})
    assert sum(len(value) for name, value in variables.items() if "/text/" in name) == len(CONTENT)
    other, troubles = reloaded([Store(name, value) for name, value in variables.items()])
    assert not troubles
    assert [bytes(one.content) for one in other.unfinished()] == [CONTENT]


def test_a_rewound_file_is_the_kept_part_and_what_comes_then() -> None:
    variables: dict[str, bytes] = {}
    made = archive()
    made.load(variables)
    stores: list[Store] = []
    work = filled(made, stores)
    variables.update({store.name: store.value for store in [*stores, *made.stage(work)]})
    variables.update({store.name: store.value for store in made.rewind(work, 3)})
    assert work.received_count == 3
    other, _ = reloaded([Store(name, value) for name, value in variables.items()])
    found = other.find("COMPANY", "SOUFURI", "01")
    assert found is not None
    assert bytes(found.content) == CONTENT[:360]
    changed = CONTENT[360:].replace(b"0000003", b"9999993")
    for store in made.append(work, changed) + made.accept(work, "record"):
        variables[store.name] = store.value
    assert work.read()
    work.reader.finish()
    assert not work.reader.mistakes
    other, troubles = reloaded([Store(name, value) for name, value in variables.items()])
    assert not troubles
    assert [bytes(one.content) for one in other.unfinished()] == [CONTENT[:360] + changed]


def test_how_a_file_is_asked_does_not_change_under_way() -> None:
    stores: list[Store] = []
    made = archive()
    stores += made.accept(filled(made, stores), "record")
    other, _ = reloaded(stores)
    (found,) = other.unfinished()
    other.accept(found, "batch")
    assert found.calls == "record"


def test_an_accepted_file_is_not_read_again_where_its_settings_are_the_same() -> None:
    stores: list[Store] = []
    made = archive()
    stores += made.accept(filled(made, stores), "record")
    other, _ = reloaded(stores)
    (found,) = other.unfinished()
    assert found.read_bytes == 0


def test_an_accepted_file_that_is_no_longer_read_as_it_was_is_kept_for_a_person() -> None:
    stores: list[Store] = []
    made = archive()
    stores += made.accept(filled(made, stores), "record")
    changed = Archive({"SOUFURI": FormatSettings(formats=("03",))}, 2, 240, 40)
    (trouble,) = changed.load({store.name: store.value for store in stores})
    assert "not read as it was" in trouble
    assert changed.begin(ONE, 120, 8) is None


def test_what_another_archive_of_the_listener_finished_is_seen_at_the_next_link() -> None:
    """After a reload and back, two archives of one listener have lived side by side."""
    stale, other = archive(), archive()
    work = filled(other, [])
    store = other.finish(work, "ok")
    stale.finish(filled(stale, []), "ok")
    assert stale.load({store.name: store.value}) == []
    assert stale.done(ONE) is not None
    two = other.begin(TWO, 120, 8)
    assert two is not None
    store = other.finish(two, "ok")
    assert stale.done(TWO) is None
    assert stale.load({store.name: store.value}) == []
    assert stale.is_done(TWO)
