// Palette: finds pages, jobs and ids from anywhere. The server searches.
"use strict";

(() => {
  const WAIT_MS = 150;
  let dialog = null;
  let field = null;
  let list = null;
  let asked = 0;
  let timer = 0;

  const links = () => [...list.querySelectorAll("[role=option]")];

  const select = (at) => {
    const all = links();
    all.forEach((link, index) => link.setAttribute("aria-selected", String(index === at)));
    const found = all[at];
    if (found) {
      field.setAttribute("aria-activedescendant", found.id);
      found.scrollIntoView({ block: "nearest" });
    } else {
      field.removeAttribute("aria-activedescendant");
    }
  };

  const search = async () => {
    const number = ++asked;
    try {
      const response = await fetch(`${wakecall.home}find?q=${encodeURIComponent(field.value.trim())}`, {
        headers: { Accept: "text/html" },
        credentials: "same-origin",
      });
      if (!response.ok) throw new Error(`status ${response.status}`);
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      if (number !== asked) return;
      const found = [...page.querySelectorAll("#found a")];
      list.replaceChildren(
        ...found.map((link, index) => {
          const made = wakecall.element("a", { href: link.getAttribute("href"), role: "option", id: `option-${index}`, tabindex: "-1", "aria-selected": "false" });
          made.append(...link.childNodes);
          return made;
        }),
      );
      if (!found.length) list.append(wakecall.element("p", { class: "none" }, "No results."));
      select(0);
      wakecall.say(`${found.length} found`);
    } catch {
      if (number === asked) list.replaceChildren(wakecall.element("p", { class: "none" }, "The search failed. Try again."));
    }
  };

  const make = () => {
    dialog = wakecall.element("dialog", { class: "palette", "aria-label": "Find" });
    field = wakecall.element("input", {
      type: "text", role: "combobox", "aria-expanded": "true", "aria-controls": "options", "aria-autocomplete": "list",
      "aria-label": "Page, job or id", placeholder: "Page, job or id", autocomplete: "off", spellcheck: "false",
    });
    list = wakecall.element("div", { role: "listbox", id: "options", "aria-label": "Results" });
    dialog.append(field, list);
    field.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(search, WAIT_MS);
    });
    field.addEventListener("keydown", (event) => {
      const all = links();
      const at = all.findIndex((link) => link.getAttribute("aria-selected") === "true");
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        if (all.length) select((at + (event.key === "ArrowDown" ? 1 : all.length - 1)) % all.length);
      } else if (event.key === "Enter" && all[at]) {
        event.preventDefault();
        all[at].click();
      }
    });
    document.body.append(dialog);
  };

  const open = () => {
    if (!document.querySelector("[data-palette]") || document.querySelector("dialog[open]")) return;
    if (!dialog) make();
    field.value = "";
    dialog.showModal();
    search();
  };
  wakecall.palette = open;

  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      open();
    }
  });
  document.addEventListener("click", (event) => {
    if (event.target instanceof Element && event.target.closest("[data-palette]") && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      open();
    }
  });
})();
