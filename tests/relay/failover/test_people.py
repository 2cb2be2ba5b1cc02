"""Who may do what: a name is a claim, the user id is the kernel's word, and a sealed code is no secret in the
configuration."""

from __future__ import annotations

import pytest

from relay.errors import ConfigurationError
from relay.failover.people import PERSON_COUNT_MAX, NotAllowed, People, Person, SealedCode, Vouched, hash_code

SALT = bytes(range(16))
CODE = SealedCode(name="envelope-1", salt=SALT.hex(), hash=hash_code("ABCD-EFGH", SALT))
PEOPLE = People(
    [
        Person(name="Sato", roles=("operations",), uids=(1001,)),
        Person(name="Kato", roles=("business", "operations"), uids=(1002,), logins=("kato", "k.kato")),
    ],
    [CODE],
    speakers=[999],
)


def test_name_and_user_id_have_to_fit() -> None:
    assert PEOPLE.who("sato", 1001).name == "Sato"
    for name, uid in (("Sato", 1002), ("Sato", 0), ("Sato", -1), ("Ito", 1001), ("", 1001)):
        with pytest.raises(NotAllowed):
            PEOPLE.who(name, uid)


def test_a_service_speaks_for_nobody_by_its_own_word() -> None:
    with pytest.raises(NotAllowed, match="user id 999"):
        PEOPLE.who("Kato", 999)
    assert PEOPLE.who("Kato", Vouched(999, "Kato")).name == "Kato"
    for name, uid in (("Sato", Vouched(999, "Kato")), ("Kato", Vouched(998, "Kato")), ("Kato", Vouched(1001, "Kato"))):
        with pytest.raises(NotAllowed):
            PEOPLE.who(name, uid)


def test_one_person_with_two_logins_is_one() -> None:
    assert PEOPLE.by_login("KATO") is PEOPLE.by_login("k.kato")
    for login in ("sato", "", "Sato"):
        with pytest.raises(NotAllowed, match="nobody's login"):
            PEOPLE.by_login(login)
    two = [Person(name=name, roles=("operations",), logins=(login,)) for name, login in (("A", "ab"), ("B", "AB"))]
    with pytest.raises(ConfigurationError, match="login"):
        People(two)


def test_a_role_that_is_not_held_is_refused() -> None:
    assert PEOPLE.with_role("Kato", 1002, "operations").name == "Kato"
    with pytest.raises(NotAllowed, match="does not have the role business"):
        PEOPLE.with_role("Sato", 1001, "business")


def test_the_second_is_another_person() -> None:
    sato = PEOPLE.who("Sato", 1001)
    assert PEOPLE.second("Kato", sato).name == "Kato"
    for name in ("Sato", " ｓａｔｏ ", "nobody", ""):
        with pytest.raises(NotAllowed):
            PEOPLE.second(name, sato)


def test_a_sealed_code_opens_however_it_is_typed_and_nothing_else_does() -> None:
    assert PEOPLE.code("abcd-efgh") == PEOPLE.code(" ABCD-EFGH ") == "envelope-1"
    for typed in ("", "ABCD", "ABCD-EFGI", CODE.hash):
        with pytest.raises(NotAllowed):
            PEOPLE.code(typed)


def test_a_list_that_cannot_be_right_is_refused() -> None:
    one = Person(name="Sato", roles=("operations",), uids=(1,))
    for others, speakers in (
        ([Person(name="ＳＡＴＯ", roles=("business",))], []),
        ([Person(name="Kato", roles=("business",), uids=(1,))], []),
        ([], [1]),
    ):
        with pytest.raises(ConfigurationError):
            People([one, *others], speakers=speakers)
    People([Person(name=f"P{n}", roles=("operations",)) for n in range(PERSON_COUNT_MAX)])
    with pytest.raises(ConfigurationError):
        People([Person(name=f"P{n}", roles=("operations",)) for n in range(PERSON_COUNT_MAX + 1)])
