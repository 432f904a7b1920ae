// Choices: the boxes in front of rows, how many are ticked, and the bar of what can be done to these.
"use strict";

(() => {
  let last = null;
  const boxes = () => [...document.querySelectorAll("main input[data-row]")];

  const update = () => {
    const all = boxes();
    const chosen = all.filter((box) => box.checked).length;
    for (const box of document.querySelectorAll("input[data-row-all], input[data-all]")) {
      box.checked = chosen > 0 && chosen === all.length;
      box.indeterminate = chosen > 0 && chosen < all.length;
    }
    for (const text of document.querySelectorAll("[data-chosen]")) text.textContent = String(chosen);
    for (const bar of document.querySelectorAll(".bulk[data-hides]")) bar.hidden = chosen === 0;
  };

  document.addEventListener("click", (event) => {
    const box = event.target;
    if (!(box instanceof HTMLInputElement)) return;
    if (box.matches("[data-row-all], [data-all]")) {
      for (const each of boxes()) each.checked = box.checked;
    } else if (box.matches("[data-row]")) {
      const all = boxes();
      if (event.shiftKey && last && all.includes(last)) {
        const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((a, b) => a - b);
        for (const each of all.slice(from, to + 1)) each.checked = box.checked;
      }
      last = box;
    }
    update();
  });
  document.addEventListener("change", update);
  document.addEventListener("wakecall:updated", update);
  // A browser restores ticked boxes when it goes back.
  addEventListener("pageshow", update);
})();
