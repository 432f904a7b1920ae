// Live: asks for the page again and morphs it, unless that would disturb the person.
"use strict";

(() => {
  const IDLE_MS = 60000;
  const IDLE_PERIOD_S = 30;
  const MAX_PERIOD_S = 60;
  const main = wakecall.main();
  const period = Number(main?.dataset.live);
  if (!period || !window.htmx) return;

  let tag = document.body.dataset.tag;
  let failures = 0;
  let failedSince = "";
  let lastActive = performance.now();
  let timer = 0;
  let asking = false;
  let isSignedOut = false;
  let isOn = wakecall.recall("live") !== "off";
  let held = null; // the newest page, while rows of it are offered
  let morph = null;

  // What the person did to the page stays: open details, ticked boxes, the row cursor.
  const KEPT = { DETAILS: ["open"], DIALOG: ["open"], INPUT: ["checked"], TR: ["class"] };
  htmx.registerExtension("wakecall-live", {
    init: (api) => {
      morph = api.morph;
    },
    htmx_before_morph_attr: (element, { attrName }) => !KEPT[element.tagName]?.includes(attrName),
  });

  // Why the page must not change now; empty if it may.
  const disturbed = () => {
    const chosen = main.querySelectorAll("input[data-row]:checked").length;
    if (chosen) return `${chosen} selected`;
    if (document.querySelector("dialog[open]")) return "a dialog is open";
    if (document.querySelector("details.menu[open]")) return "a menu is open";
    if (main.contains(document.activeElement) && wakecall.isField(document.activeElement)) return "a field is focused";
    const selection = getSelection();
    if (selection && !selection.isCollapsed && main.contains(selection.anchorNode)) return "text is selected";
    return "";
  };

  const show = (text) => {
    const state = document.getElementById("live-state");
    if (state && state.textContent !== text) state.textContent = text;
    document.documentElement.dataset.live = text.split(" ")[0].toLowerCase();
  };

  const showState = () => {
    const why = disturbed();
    if (isSignedOut) show("Signed out; reload to sign in");
    else if (!isOn) show("Paused");
    else if (why) show(`Paused (${why})`);
    else if (failedSince) show(`Not updated since ${failedSince}`);
    else show("Live");
  };

  const stampText = () => document.getElementById("stamp")?.textContent ?? "";

  // Take new rows of sorted lists out of the new page, and keep the old rows that these pushed out.
  const holdBack = (next) => {
    let count = 0;
    for (const body of next.querySelectorAll(".rows:not([data-insert]) tbody")) {
      // The table of the page that has any of these rows.
      const same = [...body.rows].map((row) => row.id && document.getElementById(row.id)).find(Boolean);
      const old = same?.closest("tbody");
      if (!old) continue;
      const known = new Set([...old.rows].map((row) => row.id));
      const added = [...body.rows].filter((row) => row.id && !known.has(row.id));
      const kept = new Set([...body.rows].map((row) => row.id));
      for (const row of added) row.remove();
      count += added.length;
      const tail = [];
      for (const row of [...old.rows].reverse()) {
        if (kept.has(row.id) || tail.length === added.length) break;
        tail.unshift(row.cloneNode(true));
      }
      body.append(...tail);
    }
    return count;
  };

  const offer = (count) => {
    let button = document.getElementById("offer");
    if (!count) {
      button?.remove();
      return;
    }
    if (!button) {
      button = wakecall.element("button", { type: "button", class: "offer", id: "offer" });
      button.addEventListener("click", showNew);
      document.getElementById("asof")?.after(button);
    }
    button.textContent = `${count} new, press . to show`;
  };

  const apply = (page, { all }) => {
    const next = page.getElementById("main").cloneNode(true);
    const count = all ? 0 : holdBack(next);
    // Ours, which the server does not know of.
    const state = next.querySelector("#live-state");
    if (state) state.textContent = document.getElementById("live-state")?.textContent ?? "";
    const button = document.getElementById("offer");
    if (count && button) next.querySelector("#asof").after(button.cloneNode(true));
    const fragment = document.createDocumentFragment();
    fragment.append(...next.childNodes);
    morph(main, fragment, true);
    htmx.process(main);
    held = count ? page : null;
    offer(count);
    wakecall.setServed(page.body.dataset.now);
    wakecall.tick?.();
    main.dispatchEvent(new CustomEvent("wakecall:updated", { bubbles: true }));
  };

  const showNew = () => {
    if (!held) return;
    const focused = document.activeElement?.id === "offer";
    apply(held, { all: true });
    if (focused) main.focus({ preventScroll: true });
  };

  const account = (page) => page.querySelector(".who b")?.textContent;

  const ask = async () => {
    const response = await fetch(location.href, {
      headers: { Accept: "text/html", "If-None-Match": tag },
      credentials: "same-origin",
      cache: "no-store",
    });
    if (response.status === 304) return null;
    if (response.redirected || response.status === 401) isSignedOut = true;
    if (!response.ok || response.redirected) throw new Error(`status ${response.status}`);
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    if (!page.getElementById("main")?.dataset.live) throw new Error("another page");
    // Another tab has switched the account: the header must not name one and the rows be another's.
    if (account(page) !== account(document)) location.reload();
    return page;
  };

  const poll = async ({ anyhow = false } = {}) => {
    if (asking || document.hidden || (!anyhow && (!isOn || disturbed()))) return;
    asking = true;
    const since = stampText();
    try {
      const page = await ask();
      // The person may have begun to select meanwhile.
      if (page && (anyhow || !disturbed())) {
        tag = page.body.dataset.tag;
        apply(page, { all: anyhow });
      } else if (!page) {
        wakecall.stamp();
      }
      failures = 0;
      isSignedOut = false;
      failedSince = "";
    } catch {
      failures += 1;
      failedSince ||= since;
    } finally {
      asking = false;
      showState();
    }
  };

  const wait = () => {
    const idle = performance.now() - lastActive > IDLE_MS;
    const base = Math.max(period, idle ? IDLE_PERIOD_S : 0);
    return Math.min(base * 2 ** failures, Math.max(base, MAX_PERIOD_S));
  };

  const plan = () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      await poll();
      plan();
    }, wait() * 1000);
  };

  // The data is unchanged, hence as good as new: its time is now.
  wakecall.stamp = () => {
    const stamp = document.getElementById("stamp");
    if (!stamp) return;
    const now = wakecall.now();
    stamp.dateTime = new Date(now).toISOString();
    const offset = Number(document.body.dataset.offset) * 1000;
    const clock = new Date(now + offset).toISOString().slice(11, 19);
    stamp.textContent = stamp.textContent.replace(/^\d\d:\d\d:\d\d/, clock);
    const ago = document.querySelector("#asof .off");
    if (ago) ago.dateTime = stamp.dateTime;
    wakecall.tick?.();
  };

  wakecall.live = {
    refresh: () => poll({ anyhow: true }),
    showNew,
    toggle: () => {
      isOn = !isOn;
      wakecall.remember("live", isOn ? null : "off");
      showState();
      if (isOn) poll();
    },
  };

  for (const kind of ["pointermove", "keydown", "scroll"]) {
    addEventListener(kind, () => {
      const wasIdle = performance.now() - lastActive > IDLE_MS;
      lastActive = performance.now();
      if (wasIdle) plan();
    }, { passive: true });
  }
  for (const kind of ["change", "close", "toggle", "selectionchange", "focusin", "focusout"]) {
    document.addEventListener(kind, () => queueMicrotask(showState), true);
  }
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) poll().then(plan);
  });
  showState();
  plan();
})();
