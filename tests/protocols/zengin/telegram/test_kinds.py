"""The default codes: each means one thing."""

from __future__ import annotations

from protocols.zengin.telegram import kinds


def test_every_subject_means_a_kind_and_no_control_code_is_a_subject() -> None:
    assert set(kinds.SUBJECTS.values()) <= kinds.KINDS
    codes = [*kinds.SUBJECTS, *kinds.SUBJECTS_OF_CONTROL.values(), kinds.ENQUIRY_SUBJECT, kinds.ENQUIRY_BY_RECEIPT]
    codes += [kinds.ENQUIRY_BY_SEQUENCE, kinds.ANSWER_SUBJECT]
    assert len(set(codes)) == len(codes)
