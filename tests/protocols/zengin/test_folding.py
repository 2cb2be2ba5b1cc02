"""Unicode to the half-width repertoire, each setting on and off, and the way back."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.zengin.folding import Folding, folding_table, widen

ZENGIN = folding_table(Folding())
GENTLE = folding_table(Folding(small_kana_to_large=False, long_vowel_to_hyphen=False, lower_case_to_upper=False))


@pytest.mark.parametrize(
    ("text", "zengin", "gentle"),
    [
        ("ガ", "ｶﾞ", "ｶﾞ"),
        ("パヴヺ", "ﾊﾟｳﾞｦﾞ", "ﾊﾟｳﾞｦﾞ"),
        ("カ\u3099ハ\u309a", "ｶﾞﾊﾟ", "ｶﾞﾊﾟ"),
        ("ー", "-", "ｰ"),
        ("ｰ", "-", "ｰ"),
        ("キャッシュ", "ｷﾔﾂｼﾕ", "ｷｬｯｼｭ"),
        ("ｷｬ", "ｷﾔ", "ｷｬ"),
        ("ヶヮ", "ｹﾜ", "ヶヮ"),
        ("ａｂｃ abc", "ABC ABC", "abc abc"),
        ("\u3000（カ）", " (ｶ)", " (ｶ)"),
        ("１２－３．", "12-3.", "12-3."),
        ("「ヲ」、。・", "｢ｦ｣､｡･", "｢ｦ｣､｡･"),
        ("￥", "¥", "¥"),
        ("漢あヰ", "漢あヰ", "漢あヰ"),  # not named: left to be refused
    ],
)
def test_folding(text: str, zengin: str, gentle: str) -> None:
    assert text.translate(ZENGIN) == zengin
    assert text.translate(GENTLE) == gentle


def test_hiragana_only_where_set() -> None:
    assert "がっこう".translate(folding_table(Folding(hiragana_to_katakana=True))) == "ｶﾞﾂｺｳ"
    assert "がっこう".translate(ZENGIN) == "がっこう"


@given(st.text())
def test_folding_twice_changes_nothing_more(text: str) -> None:
    once = text.translate(ZENGIN)
    assert once.translate(ZENGIN) == once


@given(st.text("アイカガパヴナンラリルレロワヲーァャッ ABC123"))
def test_widening_undoes_gentle_folding(text: str) -> None:
    assert widen(text.translate(GENTLE)) == text


def test_widening_agrees_with_unicode_on_single_kana() -> None:
    for code in range(0xFF61, 0xFF9E):
        assert widen(chr(code)) == unicodedata.normalize("NFKC", chr(code)), hex(code)
