// Failures: title and icon of the tab show that runs failed since the person last looked, also while it is hidden.
"use strict";

(() => {
  const LOOKED = "looked";
  const MAX_PERIOD_S = 600;
  const MAX_AGE_MS = 2 * 86400 * 1000; // the server knows of no earlier failures
  const period = Number(document.body.dataset.failures);
  if (!period) return;

  const title = document.title;
  const icon = document.getElementById("favicon");
  const calm = icon.getAttribute("href");
  let failures = 0; // requests in a row that failed
  let since = wakecall.now();

  const look = () => wakecall.remember(LOOKED, new Date(wakecall.now()).toISOString());

  const show = (count, most) => {
    const text = `${count}${count >= most ? "+" : ""} failed`;
    document.title = count ? `(${text}) ${title}` : title;
    icon.setAttribute("href", count ? icon.dataset.failed : calm);
    const link = document.getElementById("failures");
    link.hidden = !count;
    if (count) link.textContent = `${text} since you last looked`;
  };

  const ask = async () => {
    try {
      const instant = encodeURIComponent(new Date(since).toISOString());
      const response = await fetch(`${wakecall.home}failures?since=${instant}`, {
        credentials: "same-origin",
        cache: "no-store",
        redirect: "manual",
      });
      // Who is signed out is redirected: this page has nothing more to ask.
      if (response.type === "opaqueredirect") return;
      if (!response.ok) throw new Error(`status ${response.status}`);
      const { failed, most } = await response.json();
      failures = 0;
      show(failed, most);
    } catch {
      failures += 1;
    }
    setTimeout(ask, Math.min(period * 2 ** failures, MAX_PERIOD_S) * 1000);
  };

  const before = Date.parse(wakecall.recall(LOOKED) ?? "");
  const isAway = since - before > period * 1000;
  if (isAway) since = Math.max(before, since - MAX_AGE_MS);
  if (!document.hidden) look();
  document.addEventListener("visibilitychange", () => {
    // The person has seen this page until now.
    look();
    if (document.hidden) {
      since = wakecall.now();
      show(0, 1);
    }
  });
  setTimeout(ask, (isAway ? 1 : period) * 1000);
})();
