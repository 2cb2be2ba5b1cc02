"""The pictures of the docs: each is there, small, shown on its page, and none is forgotten."""

from __future__ import annotations

from tests.browser.pictures import BYTES_MAX, DOCS, DOCS_FOLDER, PAGES
from tests.support.chromium import DESK, PHONE


def test_what_the_docs_show_is_there_and_small() -> None:
    text = (DOCS_FOLDER.parent / "console.md").read_text(encoding="utf-8")
    names = {f"console-{name}.png" for name in DOCS}
    assert {path.name for path in DOCS_FOLDER.glob("console-*.png")} == names
    for name in names:
        assert (DOCS_FOLDER / name).stat().st_size <= BYTES_MAX, name
        assert f"](pictures/{name})" in text, name


def test_each_is_of_a_page_that_there_is() -> None:
    assert {page for page, _, _ in DOCS.values()} <= set(PAGES)
    assert {width for _, width, _ in DOCS.values()} == {DESK, PHONE}
    assert {language for _, _, language in DOCS.values()} == {"en", "ja"}
