// Refreshes the part of a page that is alive, and gives the keyboard short ways. Everything else works without it.
// The next look begins only when the last one has ended, and waits longer the longer the relay took; a page in the
// background does not look at all. Nothing is evaluated: the answer is parsed as a document, and one element is taken from it.
"use strict";

(() => {
  const SLOWER = 20; // a look that took a tenth of a second is followed by two seconds of rest
  const REST_MS_MAX = 15000;
  const LOST_MS_MAX = 5000; // a relay that comes back is seen soon
  const AGAIN_MS = 500; // one look may fail for no reason; the next one says whether this did
  const PATIENCE_MS = 3000; // what was not said again for so long is old, whatever the answer still waits for
  const ANSWER_MS_MAX = 10000; // a relay that stands still keeps its connections open, and says nothing on them
  const live = document.getElementById("live");
  const lost = document.getElementById("lost");
  const held = document.getElementById("held");
  const clock = document.getElementById("clock");
  const every = live ? Number(live.dataset.every || 0) : 0;
  let failures = 0;
  let isPressed = false; // the pointer is down on something that leads somewhere
  let timer = 0;
  let watch = 0;

  function later(ms) {
    clearTimeout(timer);
    timer = setTimeout(look, ms);
  }

  // From now on an answer has so long until this page is called old.
  function expect(ms) {
    clearTimeout(watch);
    watch = setTimeout(show, ms);
  }

  function show() {
    lost.querySelector("time").textContent = clock.textContent;
    lost.hidden = false;
    document.body.classList.add("stale");
  }

  async function look() {
    if (document.hidden) return;
    const began = performance.now();
    let rest = every;
    try {
      const answer = await fetch(location.href, {
        headers: { "X-Refresh": "1" }, cache: "no-store", redirect: "error", signal: AbortSignal.timeout(ANSWER_MS_MAX),
      });
      if (answer.status === 401) {
        location.reload(); // signed out, here or in another tab: what stands here is nobody's any more
        return;
      }
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (isPressed) {
        later(AGAIN_MS); // and while it lasts the page grows old, and says so
        return;
      }
      take(page);
      failures = 0;
      lost.hidden = true;
      document.body.classList.remove("stale");
      rest = Math.max(every, Math.min(REST_MS_MAX, (performance.now() - began) * SLOWER));
      expect(rest + PATIENCE_MS);
    } catch {
      failures += 1;
      if (failures > 1) show();
      rest = failures > 1 ? Math.min(LOST_MS_MAX, every * 2 ** Math.min(failures, 4)) : AGAIN_MS;
    }
    later(rest);
  }

  // What the keyboard can be on, and which one of several that are called the same.
  function stops(name) {
    const all = [...live.querySelectorAll("a, [tabindex]")];
    return name === undefined ? all : all.filter((each) => named(each) === name);
  }

  function named(each) {
    return each.getAttribute("href") || each.getAttribute("aria-label");
  }

  // The new part in place of the old one; where the keyboard was, it stays. Words that somebody is about to copy stay too, and
  // then the page says of when they are: its clock stands still with them.
  function take(page) {
    const fresh = page.getElementById("live");
    const words = window.getSelection();
    held.hidden = !fresh || words.isCollapsed || !words.containsNode(live, true);
    if (!held.hidden) {
      held.querySelector("time").textContent = clock.textContent;
      return;
    }
    const now = page.getElementById("clock");
    if (now) clock.textContent = now.textContent;
    if (!fresh) return;
    const on = stops().includes(document.activeElement) ? document.activeElement : null;
    const sheet = on && on.closest(".sheet");
    const place = on ? stops(named(on)).indexOf(on) : 0;
    const scrolled = [...live.querySelectorAll(".sheet, .paper")].map((each) => each.scrollLeft);
    live.replaceChildren(...fresh.childNodes);
    live.querySelectorAll(".sheet, .paper").forEach((each, at) => { each.scrollLeft = scrolled[at] || 0; });
    if (on) {
      const again = stops(named(on))[place] || stops(named(on))[0] || (sheet && stops(named(sheet))[0]);
      if (again) again.focus({ preventScroll: true });
    }
  }

  // A press that ends on something else than it began on leads nowhere, so nothing is exchanged under somebody's finger.
  function release() {
    isPressed = false;
  }

  if (every && lost) {
    live.addEventListener("pointerdown", (event) => {
      isPressed = event.button === 0 && event.target.closest("a, button") !== null;
    });
    ["pointerup", "pointercancel", "blur"].forEach((kind) => window.addEventListener(kind, release));
    document.addEventListener("visibilitychange", () => {
      clearTimeout(watch);
      if (document.hidden) return;
      later(0);
      expect(PATIENCE_MS);
    });
    window.addEventListener("online", () => later(0));
    later(every);
    expect(every + PATIENCE_MS);
  } else if (clock) {
    // Nothing is asked for again here, and beside a form stands until when something holds: the clock goes on by itself.
    const [hours, minutes, seconds] = clock.textContent.split(":").map(Number);
    const began = Date.now() - ((hours * 60 + minutes) * 60 + seconds) * 1000;
    const tick = () => {
      clock.textContent = new Date(Date.now() - began).toISOString().slice(11, 19);
      setTimeout(tick, 1000);
    };
    tick();
  }

  // A browser may keep a page that was left, and show it to whoever goes back to it, signed in or not: it asks again.
  window.addEventListener("pagehide", () => document.documentElement.classList.add("left"));
  window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

  // On a phone the pages stand in a row that is longer than the window.
  const row = document.querySelector("body > nav");
  const here = row && row.querySelector("[aria-current]");
  if (here) row.scrollLeft = here.offsetLeft - (row.clientWidth - here.offsetWidth) / 2;

  // Of what somebody has typed into the form of a deed nothing is lost to a digit beside its field.
  function isFilledIn() {
    return [...document.querySelectorAll("form.deed :is(input, textarea)")].some((each) => (
      each.checked !== each.defaultChecked || (each.type !== "checkbox" && each.type !== "radio" && each.value !== each.defaultValue)
    ));
  }

  // "/" goes to the search, a digit to a page, Escape out of a field.
  document.addEventListener("keydown", (event) => {
    const field = event.target instanceof HTMLElement && event.target.closest("input, select, textarea");
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (field) {
      if (event.key === "Escape") field.blur();
      return;
    }
    const search = document.querySelector("[data-search]");
    const page = /^[0-9]$/.test(event.key) && document.querySelector(`nav [data-key="${event.key}"]`);
    if (event.key === "/" && search) {
      event.preventDefault();
      search.focus();
      search.select();
    } else if (page && !isFilledIn()) {
      page.click();
    }
  });

  // A choice in a search is an answer already; but with the arrows one passes others on the way to it, and says it with Enter.
  document.querySelectorAll("form.search select").forEach((select) => {
    let isPassing = false;
    select.addEventListener("keydown", (event) => {
      const wasPassing = isPassing;
      isPassing = event.key !== "Enter";
      if (wasPassing && !isPassing) select.form.requestSubmit();
    });
    select.addEventListener("pointerdown", () => { isPassing = false; });
    select.addEventListener("change", () => { if (!isPassing) select.form.requestSubmit(); });
  });
})();
