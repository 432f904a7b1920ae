// Dialogs: opens a question where its link is, and copies texts. Without script the link leads to a page.
"use strict";

(() => {
  const selectText = (node) => {
    const range = document.createRange();
    range.selectNodeContents(node);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
  };

  const copy = async (button) => {
    const block = button.closest(".block")?.querySelector("pre");
    const shown = block ?? button.parentElement.querySelector("code");
    try {
      await navigator.clipboard.writeText(button.dataset.copy ?? block.textContent);
      button.classList.add("done");
      wakecall.say("Copied");
      setTimeout(() => button.classList.remove("done"), 1500);
    } catch {
      // Plain http has no clipboard: the person copies what is selected.
      if (shown) selectText(shown);
      wakecall.say("Selected; press Ctrl+C");
    }
  };

  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element) || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const opener = event.target.closest("[data-dialog]");
    const dialog = opener && document.getElementById(opener.dataset.dialog);
    if (dialog) {
      event.preventDefault();
      dialog.showModal();
      return;
    }
    const closer = event.target.closest("[data-close]");
    const open = event.target.closest("dialog[open]");
    if ((closer && open) || event.target === open) {
      event.preventDefault();
      open.close();
      return;
    }
    const copier = event.target.closest("[data-copy], [data-copy-block]");
    if (copier) copy(copier);
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });

  document.addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" && document.querySelector("details.menu[open]");
    if (menu) {
      event.preventDefault();
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
})();
