"""A telegram as a value: who, what answers it, what identifies it, and what is never shown."""

import pytest

from protocols.errors import LocalMisuse
from protocols.vocabulary import Pan, Secret
from tests.support.branchlink import completion, deposit, opening, telegram, withdrawal


def test_the_answer_echoes_the_header_and_clears_the_repeat() -> None:
    answer = withdrawal(7, is_repeat=True, approver="MGR00001").answered("5001", confirmed_serial=7)
    assert (answer.message_type, answer.code, answer.serial, answer.is_repeat) == ("21", "5001", 7, False)
    assert (answer.approver, answer.body, answer.confirmed_serial) == ("MGR00001", {}, 7)


def test_what_is_never_answered() -> None:
    for message in (completion(1, 1), telegram("90"), telegram("21")):
        assert not message.is_answerable
        with pytest.raises(LocalMisuse):
            message.answered("0000")
    assert telegram("21").is_answer
    assert opening().is_answerable
    assert not opening().is_numbered


def test_the_digest_is_the_same_on_a_repeat_and_another_for_another_body() -> None:
    first = withdrawal(7)
    assert first.digest() == withdrawal(7, is_repeat=True, sent_at="20261125101010").digest()
    others = [withdrawal(7, 20_000), deposit(7), withdrawal(7, value_date="20261124")]
    assert len({first.digest(), *(other.digest() for other in others)}) == 4


def test_secrets_are_in_neither_digest_nor_text() -> None:
    body = {"pan": Pan("4000001234567899"), "amount": "000000010000", "pin_block": Secret("0123456789ABCDEF")}
    message = telegram("20", operation="01012", serial=1, body=body)
    other = telegram("20", operation="01012", serial=1, body={**body, "pin_block": Secret("FEDCBA9876543210")})
    assert message.digest() == other.digest(), "the digest is stored, and a PIN block never is"
    assert "0123456789ABCDEF" not in repr(message)
    assert "1234567899" not in repr(message)


def test_numbers_of_a_body() -> None:
    assert deposit(1, 1_234).number("amount") == 1_234
    assert opening().number("amount") == 0
    assert telegram("20", body={"amount": "x"}).number("amount") == 0
    assert opening().terminal_name == "9901-123-0042"
