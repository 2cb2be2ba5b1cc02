"""The door of the desk: a service's word is a person's only with that person's code."""

from __future__ import annotations

import pytest

from protocols.vocabulary import Secret
from relay.failover.codes import CALL_AFTER, LONGEST_WAIT_MS, STEP_S, Codes, code_at, secret_text
from relay.failover.people import NotAllowed, Vouched
from relay.failover.vouching import Door
from tests.support.failoverroom import CONSOLE_UID, PEOPLE, SECRETS
from tests.support.virtualtime import VirtualTime


class Entrance:
    def __init__(self) -> None:
        self.time = VirtualTime()
        self.called: list[str] = []
        codes = Codes({name: Secret(secret_text(key)) for name, key in SECRETS.items()}, {}, lambda used: None)
        self.door = Door(PEOPLE, codes, self.time, lambda text, how: self.called.append(text))

    def code(self, name: str) -> str:
        return code_at(SECRETS[name], self.time.wall_ms() // (STEP_S * 1_000))


def test_a_person_on_the_host_is_whom_the_kernel_names() -> None:
    entrance = Entrance()
    assert entrance.door.caller("Baba", 2, "") == ("Baba", 2)
    name, uid = entrance.door.caller("Chiba", 2, "")
    with pytest.raises(NotAllowed):
        PEOPLE.who(name, uid)  # the desk's own question


def test_a_service_brings_the_code_of_whoever_has_the_login() -> None:
    entrance = Entrance()
    name, uid = entrance.door.caller("BABA2", CONSOLE_UID, entrance.code("Baba"))
    assert (name, isinstance(uid, Vouched)) == ("Baba", True)
    assert PEOPLE.who(name, uid).name == "Baba"
    refused = (
        ("chiba", ""),
        ("chiba", entrance.code("Baba")),
        ("Baba ", "0"),
        ("doi", entrance.code("Chiba")),
        ("nobody", entrance.code("Chiba")),
    )
    for login, proof in refused:
        with pytest.raises(NotAllowed):
            entrance.door.caller(login, CONSOLE_UID, proof)


def test_what_only_stops_needs_no_code_but_a_person() -> None:
    entrance = Entrance()
    assert entrance.door.caller("doi", CONSOLE_UID, "", only_stops=True)[0] == "Doi"
    with pytest.raises(NotAllowed):
        entrance.door.caller("nobody", CONSOLE_UID, "", only_stops=True)


def test_people_are_called_where_somebody_guesses(caplog: pytest.LogCaptureFixture) -> None:
    entrance = Entrance()
    for _ in range(CALL_AFTER + 3):
        with pytest.raises(NotAllowed):
            entrance.door.caller("baba", CONSOLE_UID, "my password")
        entrance.time.run(LONGEST_WAIT_MS)
    assert entrance.called == [f"{CALL_AFTER} wrong codes of Baba at the failover desk of this center"]
    assert "my password" not in caplog.text
