"""Law 2: the key is the sender's own identity, the same on a repeat and another for every other terminal, day and number."""

from protocols.branch.keys import key_of, original_key_of
from tests.support.branchlink import cancel, withdrawal


def test_the_recipe() -> None:
    assert key_of(withdrawal(7), "bank") == "bank:branch-p1:9901:123:0042:20261125:000007"


def test_a_repeat_has_the_same_key() -> None:
    assert key_of(withdrawal(7), "bank") == key_of(withdrawal(7, is_repeat=True, sent_at="20261125235959"), "bank")


def test_every_part_makes_another_key() -> None:
    keys = {
        key_of(message, realm)
        for message, realm in [
            (withdrawal(7), "bank"),
            (withdrawal(8), "bank"),
            (withdrawal(7), "other"),
            (withdrawal(7, terminal="0043"), "bank"),
            (withdrawal(7, branch="124"), "bank"),
            (withdrawal(7, bank="9902"), "bank"),
            (withdrawal(7, business_date="20261126"), "bank"),
        ]
    }
    assert len(keys) == 7


def test_a_cancellation_names_its_original() -> None:
    assert original_key_of(cancel(8, 7), "bank") == key_of(withdrawal(7), "bank")
