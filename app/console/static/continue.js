// Continue: goes on with a redelivery that this tab began, step by step, while it is looked at.
"use strict";
(() => {
  const KEY = "wakecall-continues";
  // An address alone, such as a link in a mail, starts nothing: a form of this tab was sent before.
  document.addEventListener("submit", (event) => {
    if (event.target.matches("form[data-continues]")) {
      sessionStorage.setItem(KEY, "1");
    }
  });
  const form = document.querySelector("form[data-continue]");
  if (form === null) {
    sessionStorage.removeItem(KEY);
    return;
  }
  if (sessionStorage.getItem(KEY) !== "1") {
    return;
  }
  const proceed = () => {
    if (document.visibilityState === "visible") {
      form.requestSubmit();
    } else {
      document.addEventListener("visibilitychange", proceed, { once: true });
    }
  };
  setTimeout(proceed, 300);
})();
