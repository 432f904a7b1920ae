// Page: what the other scripts share.
"use strict";

const wakecall = (() => {
  let served = Date.parse(document.body.dataset.now);
  let servedAt = performance.now();

  // The instant by the server's clock, in milliseconds since 1970.
  const now = () => served + performance.now() - servedAt;

  const setServed = (text) => {
    served = Date.parse(text);
    servedAt = performance.now();
  };

  // Preferences of this browser; a browser may forbid storage.
  const recall = (name) => {
    try {
      return localStorage.getItem(`wakecall-${name}`);
    } catch {
      return null;
    }
  };

  const remember = (name, value) => {
    try {
      if (value === null) localStorage.removeItem(`wakecall-${name}`);
      else localStorage.setItem(`wakecall-${name}`, value);
    } catch {
      // The preference lasts as long as the page.
    }
  };

  const setCookie = (name, value) => {
    const secure = location.protocol === "https:" ? "; Secure" : "";
    const age = value === null ? 0 : 31536000;
    document.cookie = `${name}=${value ?? ""}; Path=/; SameSite=Lax; Max-Age=${age}${secure}`;
  };

  const element = (tag, attributes = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  };

  // Tells a screen reader, without moving the focus.
  const say = (text) => {
    const region = document.getElementById("announcement");
    if (region) region.textContent = text;
  };

  const isField = (found) =>
    found instanceof HTMLElement &&
    (found.isContentEditable ||
      (found.matches("input, select, textarea") && !found.matches("[type=checkbox], [type=radio], [type=button], [type=submit]")));

  // On a phone the navigation is one line, which may begin left of the present page.
  const link = document.querySelector(".shell nav [aria-current]");
  const nav = link?.closest("nav");
  if (nav && nav.scrollWidth > nav.clientWidth) nav.scrollLeft = link.offsetLeft - nav.clientWidth / 3;

  // A redelivery (continue.js) goes on by itself until the person leaves its page.
  try {
    if (!document.querySelector("form[data-continue]")) sessionStorage.removeItem("wakecall-continues");
  } catch {
    // Without storage, each step takes a press.
  }

  const main = () => document.getElementById("main");
  const rows = () => [...document.querySelectorAll("main .rows tbody tr")].filter((row) => row.querySelector("a, input"));

  return { now, setServed, recall, remember, setCookie, element, say, isField, main, rows, home: document.body.dataset.home };
})();
