// Once: sends one form of a page, however often its button is pressed before the next page comes.
"use strict";

(() => {
  const AGAIN_MS = 5000; // after that, the person may have stopped the first request
  let sentAt = -AGAIN_MS;

  document.addEventListener("submit", (event) => {
    // A form may have a field that is named method.
    if (event.defaultPrevented || event.target.getAttribute("method") !== "post") return;
    const now = performance.now();
    if (now - sentAt < AGAIN_MS) {
      event.preventDefault();
      wakecall.say("The form is being sent");
    } else {
      sentAt = now;
    }
  });
  addEventListener("pageshow", (event) => {
    // Who goes back finds this page as it was left.
    if (event.persisted) sentAt = -AGAIN_MS;
  });
})();
