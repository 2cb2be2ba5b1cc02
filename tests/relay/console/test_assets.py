"""The console's own files: hashed, from nowhere else, and colours that can be read at night."""

from __future__ import annotations

import re

import pytest

from relay.console.assets import ASSETS, CSS_PATH, JS_PATH

CSS = ASSETS[CSS_PATH].body.decode()
JS = ASSETS[JS_PATH].body.decode()
ROOT = re.compile(r":root \{(.*?)\}", re.DOTALL)
SCREEN, PAPER = (dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", found)) for found in ROOT.findall(CSS))


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2.2."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """The worse of the screen and of paper."""
    ratios = []
    for tokens in (SCREEN, SCREEN | PAPER):
        light, dark = sorted((luminance(tokens[one]), luminance(tokens[other])), reverse=True)
        ratios.append((light + 0.05) / (dark + 0.05))
    return min(ratios)


@pytest.mark.parametrize("ground", ["ground", "panel", "raised"])
@pytest.mark.parametrize("text", ["ink", "ink-soft", "ink-faint", "good", "warn", "bad"])
def test_text_can_be_read_on_every_ground(text: str, ground: str) -> None:
    assert contrast(text, ground) >= 4.5


@pytest.mark.parametrize(
    ("text", "ground"),
    [("good", "good-wash"), ("warn", "warn-wash"), ("bad", "bad-wash"), ("on-bad", "bad"), ("ground", "ink")],
)
def test_words_with_a_meaning_can_be_read_on_their_own_ground(text: str, ground: str) -> None:
    assert contrast(text, ground) >= 4.5


@pytest.mark.parametrize("ground", ["ground", "panel", "raised"])
@pytest.mark.parametrize("edge", ["focus", "edge-strong", "good", "bad", "warn"])
def test_what_must_be_seen_and_is_no_text(edge: str, ground: str) -> None:
    assert contrast(edge, ground) >= 3.0


def test_colours_are_tokens_only() -> None:
    rules = ROOT.sub("", CSS)
    assert set(PAPER) <= set(SCREEN)
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b|rgba?\(|hsla?\(", rules) == []
    used = set(re.findall(r"var\(--([a-z-]+)\)", CSS))
    assert used <= set(re.findall(r"--([a-z-]+):", CSS))


def test_nothing_comes_from_elsewhere() -> None:
    for asset in ASSETS.values():
        text = asset.body.decode().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(
            r"https?:|//[a-z]|@import|url\(|\bimport\(|eval|Function\(|innerHTML", re.sub(r"(?m)^//.*$|\s//.*$", "", text)
        )


def test_paths_change_with_the_bytes() -> None:
    assert re.fullmatch(r"/assets/console\.[0-9a-f]{16}\.css", CSS_PATH)
    assert all(path == asset.path and asset.etag.strip('"') in path for path, asset in ASSETS.items())


def test_the_script_looks_again_only_after_the_last_look() -> None:
    assert "setInterval" not in JS
    assert "document.hidden" in JS
