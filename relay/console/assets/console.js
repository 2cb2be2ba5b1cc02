// Refreshes the part of a page that is alive, and gives the keyboard short ways. Everything else works without it.
// The next look begins only when the last one has ended, and waits longer the longer the relay took; a page in the
// background does not look at all. Nothing is evaluated: the answer is parsed as a document, and one element is taken from it.
"use strict";

(() => {
  const SLOWER = 20; // a look that took a tenth of a second is followed by two seconds of rest
  const REST_MS_MAX = 15000;
  const live = document.getElementById("live");
  const lost = document.getElementById("lost");
  const every = live ? Number(live.dataset.every || 0) : 0;
  let failures = 0;
  let timer = 0;

  function later(ms) {
    clearTimeout(timer);
    timer = setTimeout(look, ms);
  }

  function show(text) {
    if (!lost) return;
    if (text !== undefined) lost.textContent = text;
    lost.hidden = false;
    document.body.classList.add("stale");
  }

  async function look() {
    if (document.hidden) return;
    const began = performance.now();
    let rest = every;
    try {
      const answer = await fetch(location.href, { headers: { "X-Refresh": "1" }, cache: "no-store", redirect: "error" });
      if (answer.status === 401) {
        show(lost.dataset.out);
        return;
      }
      if (!answer.ok) throw new Error(String(answer.status));
      take(new DOMParser().parseFromString(await answer.text(), "text/html"));
      failures = 0;
      lost.hidden = true;
      document.body.classList.remove("stale");
      rest = Math.max(every, Math.min(REST_MS_MAX, (performance.now() - began) * SLOWER));
    } catch {
      failures += 1;
      if (failures > 1) {
        const at = lost.querySelector("time");
        const clock = document.getElementById("clock");
        if (at && clock) at.textContent = clock.textContent;
        show();
      }
      rest = Math.min(REST_MS_MAX, every * 2 ** Math.min(failures, 4));
    }
    later(rest);
  }

  // The new part in place of the old one; where the keyboard was, it stays.
  function take(page) {
    const fresh = page.getElementById("live");
    const clock = page.getElementById("clock");
    if (clock) document.getElementById("clock").textContent = clock.textContent;
    if (!fresh || window.getSelection().toString()) return;
    const held = live.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    const scrolled = [...live.querySelectorAll(".sheet")].map((sheet) => sheet.scrollLeft);
    live.replaceChildren(...fresh.childNodes);
    live.querySelectorAll(".sheet").forEach((sheet, at) => { sheet.scrollLeft = scrolled[at] || 0; });
    if (held) {
      const again = [...live.querySelectorAll("a")].find((each) => each.getAttribute("href") === held);
      if (again) again.focus({ preventScroll: true });
    }
  }

  if (every && lost) {
    document.addEventListener("visibilitychange", () => { if (!document.hidden) later(0); });
    later(every);
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
    } else if (page) {
      page.click();
    }
  });

  // A choice in a search is an answer already.
  document.querySelectorAll("form.search select").forEach((select) => {
    select.addEventListener("change", () => select.form.requestSubmit());
  });
})();
