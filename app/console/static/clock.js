// Clock: keeps up to date how far off each instant is. The words are those of app/console/times.py.
"use strict";

(() => {
  const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

  const parts = (seconds) => {
    if (seconds >= 60 * 86400) return `${Math.floor(seconds / 86400)} d`;
    const first = UNITS.findIndex(([, size]) => seconds >= size);
    const texts = [];
    for (const [unit, size] of UNITS.slice(first, first + 2)) {
      const count = Math.floor(seconds / size);
      seconds -= count * size;
      if (count) texts.push(`${count} ${unit}`);
    }
    return texts.join(" ");
  };

  const relative = (instant, now) => {
    const seconds = Math.trunc((instant - now) / 1000);
    if (seconds === 0) return "now";
    return seconds > 0 ? `in ${parts(seconds)}` : `${parts(-seconds)} ago`;
  };

  const tick = () => {
    if (document.hidden) return;
    const now = wakecall.now();
    for (const span of document.querySelectorAll("time .ago")) {
      const text = relative(Date.parse(span.parentElement.dateTime), now);
      if (span.textContent !== text) span.firstChild.data = text;
    }
  };

  wakecall.relative = relative;
  wakecall.tick = tick;
  setInterval(tick, 1000);
  document.addEventListener("visibilitychange", tick);
})();
