"""The page in front: fields that a browser can fill in, and a sentence about what was wrong."""

from __future__ import annotations

from relay.console.pages.login import login
from tests.support.consoleroom import assert_page, fields_of, frame, tags_of


def test_the_form() -> None:
    made = login(frame("/login", None), next_path='/x?"', name='<b>"', problem="wrong <i>")
    assert_page(made)
    assert fields_of(made, "/login") == {"csrf": "proof", "next": '/x?"', "name": '<b>"', "password": ""}
    assert "wrong &lt;i&gt;" in made
    kinds = {
        given["name"]: given.get("autocomplete") for tag, given in tags_of(made) if tag == "input" and given["type"] != "hidden"
    }
    assert kinds == {"name": "username", "password": "current-password"}


def test_both_languages() -> None:
    assert "パスワード" in login(frame("/login", None, "ja"))
    assert "日本語" in login(frame("/login", None))
