// Neighbours: from the page of a run, leads to the runs before and after it in the list that it was opened from.
"use strict";

(() => {
  const KEY = "wakecall-list"; // in the storage of this tab: the list, and the paths of its runs
  const MAX_RUNS = 200;
  const RUN = /\/runs\/[0-9a-f]{8}-[0-9a-f-]{27}$/;

  const read = () => {
    try {
      return JSON.parse(sessionStorage.getItem(KEY)) ?? {};
    } catch {
      return {};
    }
  };

  const keep = (link) => {
    const links = [...link.closest(".rows").querySelectorAll("tbody a")].map((each) => new URL(each.href).pathname);
    const runs = [...new Set(links.filter((path) => RUN.test(path)))].slice(0, MAX_RUNS);
    try {
      sessionStorage.setItem(KEY, JSON.stringify({ from: location.pathname + location.search, runs }));
    } catch {
      // Without storage, the page of the run has no neighbours.
    }
  };

  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element && event.target.closest("main .rows tbody a[href]");
    if (link && RUN.test(link.pathname)) keep(link);
  });

  const list = read();
  const at = RUN.test(location.pathname) && Array.isArray(list.runs) ? list.runs.indexOf(location.pathname) : -1;
  if (at < 0) return;

  // At the end of the list the key has nothing to do, and must not move the cursor of another table.
  const lead = (path, key, text) =>
    path
      ? wakecall.element("a", { class: "button small", href: path, "data-key": key }, text)
      : wakecall.element("button", { class: "button small", type: "button", disabled: "", "data-key": key }, text);

  const show = () => {
    if (document.getElementById("neighbours")) return;
    const nav = wakecall.element("nav", { id: "neighbours", class: "neighbours", "aria-label": "Runs of the list" });
    nav.append(
      lead(list.runs[at - 1], "k", "Previous run"),
      wakecall.element("span", { class: "muted" }, `${at + 1} of ${list.runs.length}`),
      lead(list.runs[at + 1], "j", "Next run"),
    );
    document.querySelector("main .actions")?.prepend(nav);
    // The way back leads to the list with its filters.
    const crumb = document.querySelector("main .crumbs a");
    if (crumb && list.from.split("?")[0] === crumb.pathname) crumb.setAttribute("href", list.from);
  };

  show();
  document.addEventListener("wakecall:updated", show);
})();
