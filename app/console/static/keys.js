// Keys: shortcuts of one key, which work where no field has the focus and no modifier is held.
"use strict";

(() => {
  const shortcuts = new Map();
  const GO_MS = 1500;
  let goUntil = 0;
  let last = null; // the row that `x` chose last, for a range

  const isOff = () => wakecall.recall("keys") === "off";
  wakecall.shortcut = (key, text, run) => shortcuts.set(key, { text, run });

  const click = (selector) => {
    const found = document.querySelector(selector);
    found?.click();
    return Boolean(found);
  };

  // The cursor is the focus: on the first link of a row.
  const current = () => document.activeElement?.closest?.(".rows tbody tr");
  const move = (step) => {
    const rows = wakecall.rows();
    if (!rows.length) return;
    const at = rows.indexOf(current());
    const next = rows[Math.min(Math.max(at + step, 0), rows.length - 1)];
    (next.querySelector("a") ?? next.querySelector("input")).focus();
    next.scrollIntoView({ block: "nearest" });
  };

  const choose = (range) => {
    const row = current();
    const box = row?.querySelector("input[data-row]");
    if (!box) return;
    const rows = wakecall.rows();
    const [from, to] = [rows.indexOf(range && last ? last : row), rows.indexOf(row)].sort((a, b) => a - b);
    const checked = range ? true : !box.checked;
    for (const each of rows.slice(Math.max(from, 0), to + 1)) {
      const other = each.querySelector("input[data-row]");
      if (other) other.checked = checked;
    }
    last = row;
    box.dispatchEvent(new Event("change", { bubbles: true }));
  };

  const clear = () => {
    const chosen = document.querySelectorAll("main input[data-row]:checked");
    for (const box of chosen) box.checked = false;
    if (chosen.length) chosen[0].dispatchEvent(new Event("change", { bubbles: true }));
    else document.activeElement?.blur?.();
  };

  const theme = () => {
    const root = document.documentElement;
    const next = { "": "light", light: "dark", dark: "" }[root.dataset.theme ?? ""];
    if (next) root.dataset.theme = next;
    else delete root.dataset.theme;
    wakecall.setCookie("wakecall_theme", next || null);
    wakecall.say(`Theme: ${next || "system"}`);
    for (const button of document.querySelectorAll("button[name=theme]")) {
      button.setAttribute("aria-pressed", String(button.value === (next || "system")));
    }
  };

  const zone = () => {
    const zones = (document.body.dataset.zones ?? "").split(" ").filter(Boolean);
    if (zones.length < 2) return;
    const at = zones.indexOf(document.body.dataset.shown);
    const next = zones[(at + 1) % zones.length];
    wakecall.setCookie("wakecall_zone", next === zones[0] ? null : next);
    location.reload();
  };

  const search = () => {
    const field = document.querySelector("#filters input:not([type=hidden], [type=checkbox])");
    if (field) field.focus();
    else wakecall.palette?.();
  };

  wakecall.shortcut("?", "List the shortcuts", () => help());
  wakecall.shortcut("/", "Search this list", search);
  wakecall.shortcut("j", "Next row", () => move(1));
  wakecall.shortcut("k", "Previous row", () => move(-1));
  wakecall.shortcut("x", "Select the row; with Shift, all rows since the last selected one", () => choose(false));
  wakecall.shortcut("X", "", () => choose(true));
  wakecall.shortcut(".", "Show new rows", () => wakecall.live?.showNew());
  wakecall.shortcut("r", "Pause or resume updates", () => wakecall.live?.toggle());
  wakecall.shortcut("t", "Switch theme: system, light, dark", theme);
  wakecall.shortcut("z", "Switch time zone", zone);

  const help = () => {
    let dialog = document.getElementById("shortcuts");
    if (!dialog) {
      dialog = wakecall.element("dialog", { id: "shortcuts", "aria-labelledby": "shortcuts-title" });
      const list = wakecall.element("dl", { class: "keys" });
      const add = (key, text) => list.append(wakecall.element("dt", {}, ...key.split(" ").flatMap((each) => [wakecall.element("kbd", {}, each), " "])), wakecall.element("dd", {}, text));
      const isTaken = (key) => document.querySelector(`[data-key="${CSS.escape(key)}"]`);
      for (const [key, { text }] of shortcuts) if (text && !isTaken(key)) add(key, text);
      for (const each of document.querySelectorAll("[data-key]")) add(each.dataset.key, each.textContent.trim());
      for (const each of document.querySelectorAll("[data-go]")) add(`g ${each.dataset.go}`, each.textContent.trim());
      add("Ctrl K", "Find a page, job or id");
      add("Esc", "Close; clear the selection");
      const box = wakecall.element("input", { type: "checkbox", id: "keys-on" });
      box.checked = !isOff();
      box.addEventListener("change", () => wakecall.remember("keys", box.checked ? null : "off"));
      dialog.append(
        wakecall.element("h2", { id: "shortcuts-title" }, "Keyboard shortcuts"),
        list,
        wakecall.element("p", { class: "tick" }, wakecall.element("label", { for: "keys-on" }, box, " Enable single-key shortcuts")),
        wakecall.element("p", { class: "buttons" }, wakecall.element("button", { type: "button", class: "button", "data-close": "" }, "Close")),
      );
      document.body.append(dialog);
    }
    dialog.showModal();
  };
  document.addEventListener("click", (event) => {
    if (event.target instanceof Element && event.target.closest("[data-help]")) help();
  });

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (wakecall.isField(document.activeElement) || document.querySelector("dialog[open]")) return;
    if (event.key === "Escape") {
      clear();
      return;
    }
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (!current()) return;
      event.preventDefault();
      move(event.key === "ArrowDown" ? 1 : -1);
      return;
    }
    if (isOff() && event.key !== "?") return;
    // Who holds a key down walks through rows, and does nothing else a second time.
    if (event.repeat && event.key !== "j" && event.key !== "k") return;
    if (performance.now() < goUntil) {
      goUntil = 0;
      if (click(`[data-go="${CSS.escape(event.key)}"]`)) event.preventDefault();
      return;
    }
    if (event.key === "g") {
      goUntil = performance.now() + GO_MS;
      return;
    }
    // What the page itself offers goes before what all pages have.
    const known = shortcuts.get(event.key);
    if (event.key.length === 1 && click(`[data-key="${CSS.escape(event.key)}"]`)) {
      event.preventDefault();
    } else if (known) {
      event.preventDefault();
      known.run();
    }
  });

  document.addEventListener("focusin", (event) => {
    for (const row of document.querySelectorAll(".rows tr.at")) row.classList.remove("at");
    event.target.closest?.(".rows tbody tr")?.classList.add("at");
  });
})();
