"""A real browser for tests: one process, a seat per person, and what must never happen on a page of ours.

Owns starting and ending Chromium, and the watch over each page: scripts that failed, the page's policy broken, a request to
anybody but the console, a dialog. It must never know a page's content. The traps: Playwright turns the way back through kept
pages off, and that is what somebody at a shared desk would use, so it is on here; a checker that is put into the page needs
the policy out of the way, so only a seat that asks for it has none; and it takes its time, in which a page that asks again
would exchange what is being looked at, or fade as one that is old, so the page stands still for it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, cast

from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, Request, async_playwright

from tests.support.tools import need_browser

PATIENCE_MS = (
    60_000  # a page whose look took a second rests fifteen before the next one, and says after three more that it is old
)
START_MS = 120_000  # four browsers may begin at once, on two cores
DESK, PHONE = 1280, 390
HEIGHTS = {DESK: 860, PHONE: 844}
Language = Literal["en", "ja"]
LOCALES = {"en": "en-GB", "ja": "ja-JP"}
# The last word is what WCAG 2.2 calls the size of a target.
AXE_TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
# Nothing of the browser's own goes out either; as root it has no sandbox to go into.
SWITCHES = (
    "--no-sandbox",
    "--disable-dev-shm-usage",  # a container may have 64 MB of it
    "--no-proxy-server",
    "--disable-gpu",
    "--font-render-hinting=none",
    "--force-color-profile=srgb",
)
WATCH = """
window.broken = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.broken.push(`${event.violatedDirective}: ${event.blockedURI}`);
});
"""
# While it stands still, a page is as one in the background; and an answer that was on its way never comes.
STILL = """
window.isStill = false;
Object.defineProperty(document, "hidden", { get: () => window.isStill });
const whole = Response.prototype.text;
Response.prototype.text = async function () {
  const text = await whole.call(this);
  return window.isStill ? new Promise(() => {}) : text;
};
"""
STAND_STILL = """
() => {
  if (document.body.classList.contains("stale")) return false;
  window.isStill = true;
  document.dispatchEvent(new Event("visibilitychange"));
  return true;
}
"""
GO_ON = "() => { window.isStill = false; document.dispatchEvent(new Event('visibilitychange')); }"
# What stands wider than the window, outside of what may be scrolled by itself; and words that leave their box in the picture.
OVERFLOW = """
() => {
  const wide = document.documentElement.clientWidth, found = [];
  const kind = (each) => `${each.tagName.toLowerCase()}.${each.className.baseVal ?? each.className}`;
  const name = (each) => `${kind(each)} "${each.textContent.slice(0, 40)}"`;
  const scrolls = (each) => {
    for (let at = each; at && at !== document.body; at = at.parentElement) {
      if (["auto", "scroll", "hidden"].includes(getComputedStyle(at).overflowX)) return true;
    }
    return false;
  };
  if (document.documentElement.scrollWidth > wide) found.push(`the page is ${document.documentElement.scrollWidth} wide`);
  for (const each of document.querySelectorAll("body *")) {
    const box = each.getBoundingClientRect();
    if (box.width && box.right > wide + 1 && !scrolls(each)) found.push(name(each));
    const style = getComputedStyle(each);
    const isCut = style.overflowX === "hidden" && style.textOverflow !== "ellipsis" && style.clipPath === "none";
    if (isCut && each.scrollWidth > each.clientWidth + 1) found.push(`cut off: ${name(each)}`);
  }
  for (const button of document.querySelectorAll("td .button")) {
    const box = button.getBoundingClientRect(), cell = button.closest("td");
    const end = cell.getBoundingClientRect().right - parseFloat(getComputedStyle(cell).paddingRight);
    if (box.width && box.right > end + 1) found.push(`cut off: ${name(button)}`);
  }
  for (const text of document.querySelectorAll("svg .box text")) {
    const inside = text.getBoundingClientRect(), box = text.parentElement.querySelector("rect").getBoundingClientRect();
    if (inside.width && (inside.right > box.right || inside.left < box.left)) found.push(`out of its box: ${name(text)}`);
  }
  return found.slice(0, 8);
}
"""

# Lists that have to be pushed sideways to be read.
SIDEWAYS = """
() => [...document.querySelectorAll(".sheet")].filter((each) => each.scrollWidth > each.clientWidth + 1)
  .map((each) => `${each.getAttribute("aria-label")}: ${each.scrollWidth} in ${each.clientWidth}`)
"""


class Chromium:
    """`hosts` are the addresses at which the console may be; no other name is looked up."""

    def __init__(self, hosts: Sequence[str] = ("127.0.0.1",)) -> None:
        rules = ", ".join(["MAP * ~NOTFOUND", *(f"EXCLUDE {host}" for host in hosts)])
        self._switches = [*SWITCHES, f"--host-resolver-rules={rules}"]
        self._playwright: Playwright | None = None
        self._browser: Browser | None = None

    async def start(self) -> None:
        need_browser()
        self._playwright = await async_playwright().start()
        self._browser = await self._launched(self._playwright)

    async def _launched(self, playwright: Playwright) -> Browser:
        return await playwright.chromium.launch(
            executable_path=need_browser(),
            args=self._switches,
            ignore_default_args=["--disable-back-forward-cache"],
            timeout=START_MS,
        )

    async def stop(self) -> None:
        if self._browser is not None:
            await self._browser.close()
        if self._playwright is not None:
            await self._playwright.stop()

    async def seat(
        self,
        address: str,
        *,
        width: int = DESK,
        language: Language = "en",
        is_checked: bool = False,
        has_script: bool = True,
        scale: float = 1.0,
    ) -> Seat:
        """Somebody's own browser at this address. `is_checked`: the page's policy is out of the way, for `Seat.findings`."""
        assert self._playwright is not None  # whoever asks has started it
        assert self._browser is not None
        if not self._browser.is_connected():  # one that died costs the test that had it, and none after it
            self._browser = await self._launched(self._playwright)
        context = await self._browser.new_context(
            viewport={"width": width, "height": HEIGHTS.get(width, 860)},
            locale=LOCALES[language],
            bypass_csp=is_checked,
            java_script_enabled=has_script,
            ignore_https_errors=True,  # a test's own authority
            device_scale_factor=scale,
            has_touch=width == PHONE,
            is_mobile=width == PHONE,
            color_scheme="dark",
            reduced_motion="reduce",
        )
        context.set_default_timeout(PATIENCE_MS)
        if is_checked:
            await context.add_init_script(STILL)
        seat = Seat(context, address)
        await seat.open()
        return seat


class Seat:
    """`page` is the tab in front. `troubles` is what must be empty in the end."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.context = context
        self.address = address
        self.requests: list[str] = []
        self._troubles: list[str] = []
        self._page: Page | None = None

    async def open(self) -> None:
        await self.context.add_init_script(WATCH)
        self.context.on("request", self._asked)
        self.context.on("console", self._said)
        self.context.on("weberror", lambda error: self._troubles.append(f"script: {error.error}"))
        await self.tab()

    async def tab(self) -> Page:
        """Another one, in front."""
        self._page = await self.context.new_page()
        self._page.on("dialog", lambda dialog: self._troubles.append(f"dialog: {dialog.message}"))
        return self._page

    @property
    def page(self) -> Page:
        assert self._page is not None  # opened by Chromium.seat
        return self._page

    async def go(self, path: str) -> int:
        """The status of the answer."""
        answer = await self.page.goto(self.address + path, wait_until="load")
        return 0 if answer is None else answer.status

    async def sign_in(self, name: str, password: str, path: str = "/") -> None:
        await self.go(path)
        await self.page.fill("[name=name]", name)
        await self.page.fill("[name=password]", password)
        await self.page.press("[name=password]", "Enter")
        await self.page.wait_for_selector("nav")
        await self.page.wait_for_load_state()  # the keys are the script's, and it comes after the words

    async def look_again(self) -> None:
        """Now, and not at the page's next turn: as when somebody comes back to the tab."""
        await self.page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")

    async def where(self) -> str:
        return self.page.url.removeprefix(self.address)

    async def text(self, selector: str = "body") -> str:
        return await self.page.inner_text(selector)

    async def on(self, name: str) -> None:
        """Until the keyboard is on the field of this name: a browser puts it there when it draws the page, not before."""
        await self.page.wait_for_function("(name) => document.activeElement.getAttribute('name') === name", arg=name)

    async def shows(self, selector: str, text: str) -> None:
        """Until this holds the text: what was clicked may still be on its way."""
        await self.page.wait_for_selector(f"{selector} >> text={text}")

    async def focused(self) -> dict[str, Any]:
        """What the keyboard is on, and whether that can be seen."""
        return cast(dict[str, Any], await self.page.evaluate(FOCUSED))

    async def troubles(self) -> list[str]:
        """What must never happen, on every tab that is open."""
        found = list(self._troubles)
        for page in self.context.pages:
            if page.url.startswith(self.address):
                found += [f"policy: {each}" for each in await page.evaluate("() => window.broken || []")]
        found += [f"asked elsewhere: {url}" for url in self.requests if not url.startswith(self.address)]
        return found

    async def overflow(self) -> list[str]:
        return cast(list[str], await self.page.evaluate(OVERFLOW))

    async def sideways(self) -> list[str]:
        return cast(list[str], await self.page.evaluate(SIDEWAYS))

    async def findings(self, tags: Sequence[str] = AXE_TAGS) -> list[str]:
        """What axe-core has against the page as it is."""
        await self.page.wait_for_function(STAND_STILL)
        if not await self.page.evaluate("() => Boolean(window.axe)"):
            await self.page.evaluate(AXE_SCRIPT)
        options = json.dumps({"runOnly": {"type": "tag", "values": list(tags)}, "resultTypes": ["violations"]})
        result = await self.page.evaluate(f"() => axe.run(document, {options})")
        await self.page.evaluate(GO_ON)
        return [
            f"{each['id']} ({each['impact']}): {node['html'][:140]} {node.get('failureSummary', '')[:200]}"
            for each in result["violations"]
            for node in each["nodes"]
        ]

    async def picture(self, path: Path, *, is_whole: bool = False) -> None:
        await self.page.screenshot(path=path, full_page=is_whole, animations="disabled", caret="hide")

    async def close(self) -> None:
        await self.context.close()

    def _asked(self, request: Request) -> None:
        if not request.url.startswith(("data:", "blob:", "about:")):
            self.requests.append(request.url)

    def _said(self, message: ConsoleMessage) -> None:
        is_status = message.text.startswith("Failed to load resource: the server responded")
        if message.type in ("error", "warning") and not is_status:
            self._troubles.append(f"{message.type}: {message.text}")


FOCUSED = """
() => {
  const on = document.activeElement, style = getComputedStyle(on), box = on.getBoundingClientRect();
  return {
    tag: on.tagName.toLowerCase(), id: on.id, name: on.getAttribute("name") || "", href: on.getAttribute("href") || "",
    text: (on.innerText || on.getAttribute("aria-label") || "").trim().slice(0, 60), role: on.getAttribute("role") || "",
    isSeen: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2
      && box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight,
  };
}
"""


async def settled(look: Any, wanted: Any, patience_s: float = PATIENCE_MS / 1_000) -> Any:
    """Ask `look` until its answer is `wanted` (a value, or a function that says yes to it). Raises TimeoutError."""
    is_so = wanted if callable(wanted) else (lambda found: found == wanted)
    async with asyncio.timeout(patience_s):
        while True:
            found = await look()
            if is_so(found):
                return found
            await asyncio.sleep(0.02)
