"""Pictures of every page: `python -m tests.browser.pictures --out DIR` (each at two widths, in two languages); with `--docs`
those of docs/console.md, into docs/pictures.

Owns the list of pages and the shooting. It must never judge: somebody has to look. `--only` takes names of pages, `--scene`
another scene than the bad night. The trap: what is committed stays in the history for ever, so pictures of the docs have
few colours and a size that a test looks at.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, get_args

from tests.support.chromium import DESK, PHONE, Chromium, Language
from tests.support.consoleroom import PASSWORD
from tests.support.consolescenes import SCENES
from tests.support.showroom import WHO, Showroom

PAGES: Final[Mapping[str, str]] = {
    "overview": "/",
    "sessions": "/sessions",
    "traffic": "/traffic",
    "owed": "/owed",
    "owed-one": "/owed/one?key=k",
    "outbound": "/outbound",
    "reports": "/reports",
    "report": "/reports/one?number=311",
    "journal": "/journal",
    "journal-one": "/journal/one?key=k",
    "tables": "/tables",
    "system": "/system",
    "audit": "/audit",
    "failover": "/failover",
    "deed": "/deed/drain-start",
    "deed-key": "/deed/resolve?key=bank/T0000074/110502/000182/financial",
    "approve": "/deed/failover-approve?run=r1&gate=2",
    "abort": "/deed/failover-abort?run=r1",
    "nowhere": "/nowhere",
}
WIDTHS: Final = (DESK, PHONE)
DOCS: Final[Mapping[str, tuple[str, int, Language]]] = {
    "overview": ("overview", DESK, "en"),
    "overview-phone": ("overview", PHONE, "ja"),
    "sessions": ("sessions", DESK, "ja"),
    "traffic": ("traffic", DESK, "en"),
    "owed": ("owed", DESK, "en"),
    "journal": ("journal-one", DESK, "en"),
    "system": ("system", DESK, "en"),
    "deed": ("deed", DESK, "en"),
    "room": ("failover", DESK, "en"),
    "room-phone": ("failover", PHONE, "ja"),
    "approve": ("approve", DESK, "en"),
}
DOCS_FOLDER: Final = Path(__file__).resolve().parents[2] / "docs" / "pictures"
COLOURS: Final = 256
BYTES_MAX: Final = 120_000


async def shoot(out: Path, scene: str, only: Sequence[str], scale: float, *, is_whole: bool) -> int:
    """The number of pictures that were made."""
    with tempfile.TemporaryDirectory(prefix="relay-pictures-") as directory:
        showroom, chromium, made = Showroom(Path(directory)), Chromium(), 0
        showroom.show(scene)
        await showroom.start()
        try:
            await chromium.start()
            for width in WIDTHS:
                for language in get_args(Language):
                    seat = await chromium.seat(showroom.address, width=width, language=language, scale=scale)
                    await seat.go("/")
                    if not only or "login" in only:
                        await seat.picture(out / f"login-{width}-{language}.png")
                    await seat.sign_in(WHO, PASSWORD)
                    for name, path in PAGES.items():
                        if only and name not in only:
                            continue
                        await seat.go(path)
                        await seat.picture(out / f"{name}-{width}-{language}.png", is_whole=is_whole)
                        made += 1
                    await seat.close()
        finally:
            await chromium.stop()
            await showroom.stop()
    return made


async def shoot_docs(out: Path) -> int:
    """What docs/console.md shows: the window, in few colours."""
    from PIL import Image  # comes with matplotlib, and is needed for this alone

    with tempfile.TemporaryDirectory(prefix="relay-pictures-") as directory:
        showroom, chromium = Showroom(Path(directory)), Chromium()
        await showroom.start()
        try:
            await chromium.start()
            for name, (page, width, language) in DOCS.items():
                seat = await chromium.seat(showroom.address, width=width, language=language)
                await seat.sign_in(WHO, PASSWORD)
                await seat.go(PAGES[page])
                path = out / f"console-{name}.png"
                await seat.picture(path)
                await seat.close()
                with Image.open(path) as taken:
                    few = taken.convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
                few.save(path, optimize=True)
        finally:
            await chromium.stop()
            await showroom.stop()
    return len(DOCS)


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.browser.pictures", description=__doc__)
    parser.add_argument("--out", type=Path, default=DOCS_FOLDER, metavar="DIR", help="where the PNG files go")
    parser.add_argument("--docs", action="store_true", help="those of docs/console.md")
    parser.add_argument("--scene", choices=sorted(SCENES), default="night", help="what the relay says (default: night)")
    parser.add_argument("--only", default="", metavar="NAME,...", help=f"of login, {', '.join(PAGES)}")
    parser.add_argument("--scale", type=float, default=1.0, help="device pixels per pixel")
    parser.add_argument("--window", action="store_true", help="what the window shows, and not the whole page")
    given = parser.parse_args(words)
    given.out.mkdir(parents=True, exist_ok=True)
    if given.docs:
        print(f"{asyncio.run(shoot_docs(given.out))} pictures in {given.out}")
        return 0
    only = [name for name in given.only.split(",") if name]
    made = asyncio.run(shoot(given.out, given.scene, only, given.scale, is_whole=not given.window))
    print(f"{made} pictures in {given.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
