// Rows: keys that act on the job of the row at which the cursor is, as the buttons of its page do.
"use strict";

(() => {
  const AT = "row"; // the row to which the cursor returns after the list was loaded again
  const current = () => document.activeElement?.closest?.("table[data-rows] tbody tr");

  // Runs with the row, its page and the table; or says how to choose a row.
  const act = (key, text, run) =>
    wakecall.shortcut(key, text, () => {
      const row = current();
      const link = row?.querySelector(".first a");
      if (link) run(row, link.getAttribute("href"), row.closest("table"));
      else wakecall.say("Choose a row with j or k first");
    });

  const send = (row, path, table) => {
    const token = document.querySelector("input[name=csrf_token]");
    if (!token) return;
    const hidden = (name, value) => wakecall.element("input", { type: "hidden", name, value });
    const form = wakecall.element("form", { method: "post", action: path, hidden: "" });
    form.append(hidden("csrf_token", token.value), hidden("next", table.dataset.here));
    document.body.append(form);
    wakecall.remember(AT, row.id);
    form.requestSubmit();
  };

  act("f", "Call the job of the row now", (row, path, table) => send(row, `${path}/fire`, table));
  act("p", "Pause or resume the job of the row", (row, path, table) => {
    const verb = row.querySelector(".s-paused") ? "resume" : "pause";
    send(row, `${path}/${verb}`, table);
  });
  act("e", "Edit the job of the row", (row, path) => location.assign(`${path}/edit`));
  act("d", "Duplicate the job of the row", (row, path, table) => {
    const id = path.slice(path.lastIndexOf("/") + 1);
    location.assign(`${table.dataset.rows}new?from=${id}`);
  });
  act("Delete", "Delete the job of the row, after a question", (row, path) => location.assign(`${path}/delete`));

  const before = wakecall.recall(AT);
  if (before !== null) {
    wakecall.remember(AT, null);
    document.getElementById(before)?.querySelector(".first a")?.focus();
  }
})();
