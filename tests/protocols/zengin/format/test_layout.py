"""Fields compiled: each rule on both sides, and the quick pattern against the slow check."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import LocalMisuse
from protocols.zengin.format.layout import Rules, layout_of
from protocols.zengin.format.layouts import LAYOUTS


@pytest.mark.parametrize(
    ("code", "kind", "name", "good", "bad", "place"),
    [
        ("21", "2", "amount", "0000000001", "0000000000", 0),
        ("21", "2", "amount", "0000000001", "00000ｱ0000", 5),
        ("21", "2", "account_type", "4", "3", 0),
        ("11", "2", "account_type", "2", "4", 0),
        ("91", "2", "account_type", "3", "4", 0),
        ("21", "1", "date_mmdd", "1231", "1301", 0),
        ("21", "1", "date_mmdd", "0229", "0230", 0),
        ("91", "1", "date_mmdd", "1130", "1131", 0),
        ("01", "1", "made_on", "080430", "080431", 0),
        ("03", "2", "account_date", "010501", "000501", 0),
        ("21", "1", "type_code", "21", "11", 0),
        ("01", "1", "made_on", "070101", "071301", 0),
        ("21", "2", "id_mark", "Y", "N", 0),
        ("21", "2", "payee_name", "ｶ)ﾔﾏﾀﾞ".ljust(30), "ﾔﾏﾀﾞ,".ljust(30), 4),
        ("21", "2", "payee_name", "ABC-.()".ljust(30), "ｱｰ".ljust(30), 1),
        ("11", "2", "payee_name", "ﾔﾏﾀﾞ".ljust(30), "ABC".ljust(30), 0),
        ("21", "2", "bank_name", "ﾐﾂﾋﾞｼUFJ-".ljust(15), "ﾐﾂﾋﾞｼ(".ljust(15), 5),
        ("21", "2", "customer_code1", "ｦ¥｢｣()-/.".ljust(10), "ｱ+".ljust(10), 1),
        ("21", "2", "dummy", " " * 7, "      X", 6),
    ],
)
def test_each_rule_on_both_sides(code: str, kind: str, name: str, good: str, bad: str, place: int) -> None:
    field = layout_of(code).records[kind].field(name)
    assert field.problem(good) is None
    found = field.problem(bad)
    assert found is not None
    assert found[0] == place


def test_a_number_that_may_be_blank() -> None:
    field = layout_of("21").records["2"].field("new_code")
    assert [field.problem(text) is None for text in (" ", "0", "1", "2", "3", "ｱ")] == [True, True, True, True, False, False]
    assert layout_of("21").records["2"].field("amount").problem(" " * 10) is not None


def test_a_bank_may_loosen_three_rules() -> None:
    loose = Rules(wo_in_names=True, long_vowel=True, dummy_free=True)
    for name, text in (("payee_name", "ｦｰ".ljust(30)), ("dummy", "123ABCｱ")):
        assert layout_of("21").records["2"].field(name).problem(text) is not None
        assert layout_of("21", loose).records["2"].field(name).problem(text) is None


@pytest.mark.parametrize("code", sorted(LAYOUTS))
@given(data=st.data())
def test_the_pattern_says_well_exactly_where_no_field_has_a_problem(code: str, data: st.DataObject) -> None:
    record = layout_of(code).records[data.draw(st.sampled_from("1289"))]
    text = "".join(
        data.draw(
            st.one_of(
                st.just(("0" if field.is_number else " ") * field.width),
                st.sampled_from(sorted(field.codes) or ["1"]).map(
                    lambda one, field=field: one.rjust(field.width)[: field.width]
                ),
                st.text("019 ｱﾞｰAz(¥", min_size=field.width, max_size=field.width),
            )
        )
        for field in record.fields
    )
    problems = [field.name for field in record.fields if field.problem(text[field.start : field.end]) is not None]
    assert (record.pattern.fullmatch(text) is not None) == (not problems), problems


def test_an_unknown_format_or_field_is_our_mistake() -> None:
    with pytest.raises(LocalMisuse):
        layout_of("99")
    with pytest.raises(LocalMisuse):
        layout_of("21").records["2"].field("nothing")
