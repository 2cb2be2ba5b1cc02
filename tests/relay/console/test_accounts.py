"""Accounts: hashed, written whole, read again when replaced; and nobody is let in by a file that others can change."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

import pytest

from protocols.vocabulary import Secret
from relay.console import accounts as module
from relay.console.accounts import (
    PASSWORD_CHARS_MAX,
    PASSWORD_CHARS_MIN,
    Cost,
    LocalAccounts,
    TooManySignIns,
    account,
    is_password,
    password_problem,
    read_accounts,
    write_accounts,
)
from relay.console.identity import Claim, Role
from relay.errors import RelayError
from tests.support.consoleroom import CHEAP, PASSWORD


def made(name: str = "sato", role: Role = Role.OPERATOR) -> module.Account:
    return account(name, role, Secret(PASSWORD), 5, CHEAP)


def test_a_password_is_not_in_the_file_and_two_hashes_of_it_differ(tmp_path: Path) -> None:
    path = tmp_path / "accounts.json"
    write_accounts(str(path), [made(), made("suzuki")])
    text = path.read_text()
    assert PASSWORD not in text
    read = read_accounts(str(path))
    assert list(read) == ["sato", "suzuki"]
    assert read["sato"] == made() or read["sato"].hash != made().hash
    assert read["sato"].hash != read["suzuki"].hash
    assert is_password(read["sato"], Secret(PASSWORD))
    assert not is_password(read["sato"], Secret(PASSWORD + "x"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["accounts.json"]


def test_the_usual_cost_is_one_that_owasp_names() -> None:
    assert Cost() == Cost(n=2**15, r=8, p=3)
    assert is_password(account("sato", Role.VIEWER, Secret(PASSWORD), 0), Secret(PASSWORD))


@pytest.mark.parametrize(
    ("password", "is_good"),
    [
        ("x" * 5 + "abcdefg"[: PASSWORD_CHARS_MIN - 5], True),
        ("abcdefghijkl"[: PASSWORD_CHARS_MIN - 1], False),
        ("abcde" * (PASSWORD_CHARS_MAX // 5), True),
        ("abcde" * (PASSWORD_CHARS_MAX // 5) + "f", False),
        ("abab" * 6, False),
    ],
)
def test_passwords_at_the_limits(password: str, is_good: bool) -> None:
    assert (password_problem(password) == "") is is_good


@pytest.mark.parametrize("name", ["", "Sato", "a b", "../x", "<b>", "x" * 64])
def test_names_that_will_not_do(name: str) -> None:
    with pytest.raises(RelayError, match="name"):
        made(name)


def test_a_file_that_others_can_change_or_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "accounts.json"
    write_accounts(str(path), [made()])
    for mode in (0o620, 0o602, 0o604):
        path.chmod(mode)
        with pytest.raises(RelayError, match="others"):
            read_accounts(str(path))
    path.chmod(0o640)  # the operators' group may read it
    assert read_accounts(str(path))
    path.write_text("{")
    with pytest.raises(RelayError, match="do not read"):
        read_accounts(str(path))
    assert read_accounts(str(tmp_path / "none")) == {}


async def test_the_adapter_reads_a_replaced_file_and_lets_nobody_in_by_a_bad_one(tmp_path: Path) -> None:
    path = str(tmp_path / "accounts.json")
    adapter = LocalAccounts(path, CHEAP)
    assert adapter.current("sato") is None
    write_accounts(path, [made()])
    person = await adapter.check(Claim("sato", Secret(PASSWORD), "a"))
    assert person == adapter.current("sato")
    assert person is not None
    assert (person.name, person.role) == ("sato", Role.OPERATOR)
    assert await adapter.check(Claim("sato", Secret("wrong"), "a")) is None
    assert await adapter.check(Claim("nobody", Secret(PASSWORD), "a")) is None
    write_accounts(path, [made(role=Role.VIEWER)])
    again = adapter.current("sato")
    assert again is not None
    assert again.stamp != person.stamp, "another role ends what is open"
    os.chmod(path, 0o666)
    os.utime(path, (1, 1))
    assert adapter.current("sato") is None
    assert "others" in adapter.problem


async def test_a_name_that_nobody_has_is_hashed_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []
    real = module.is_password

    def counted(found: module.Account, password: Secret) -> bool:
        hashed.append(found.name)
        return real(found, password)

    monkeypatch.setattr(module, "is_password", counted)
    await LocalAccounts(str(tmp_path / "none"), CHEAP).check(Claim("ghost", Secret(PASSWORD), "a"))
    assert hashed == ["nobody"]


async def test_a_queue_of_hashes_is_refused(tmp_path: Path) -> None:
    adapter = LocalAccounts(str(tmp_path / "none"), CHEAP)
    claims = [adapter.check(Claim("sato", Secret("x"), str(number))) for number in range(module.WAITING_COUNT_MAX + 1)]
    ended = await asyncio.gather(*claims, return_exceptions=True)
    assert [type(each) for each in ended].count(TooManySignIns) == 1
    assert await adapter.check(Claim("sato", Secret("x"), "a")) is None, "and afterwards there is room"


async def test_one_address_has_but_a_part_of_the_queue(tmp_path: Path) -> None:
    """Or whoever posts passwords all day keeps everybody out."""
    adapter = LocalAccounts(str(tmp_path / "none"), CHEAP)
    stranger = [adapter.check(Claim(f"x{n}", Secret("x"), "192.0.2.66")) for n in range(module.WAITING_COUNT_MAX + 1)]
    owner = adapter.check(Claim("sato", Secret("x"), "192.0.2.7"))
    ended = await asyncio.gather(*stranger, owner, return_exceptions=True)
    assert [type(each) for each in ended].count(type(None)) == module.WAITING_PER_PLACE_MAX + 1
    assert ended[-1] is None
    assert not adapter._waiting


def test_what_lies_where_the_new_file_is_made_is_not_written_into(tmp_path: Path) -> None:
    path, kept = tmp_path / "accounts.json", tmp_path / "kept"
    kept.write_text("somebody's")
    os.link(kept, f"{path}.{os.getpid()}")
    write_accounts(str(path), [made()])
    assert kept.read_text() == "somebody's"
    assert "sato" in read_accounts(str(path))
