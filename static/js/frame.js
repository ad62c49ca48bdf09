// The open tab is in sight; menus close on Escape and on a click elsewhere; live parts tell screen readers only what is new, wait for an
// open choice and end with the session; a form marked data-confirm asks before it is sent.
(() => {
  "use strict";

  // A telephone has no room for all tabs: the one that is open is in sight.
  document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });

  const openMenus = () => document.querySelectorAll("details.menu[open]");

  document.addEventListener("click", (event) => {
    openMenus().forEach((menu) => {
      if (!menu.contains(event.target)) menu.open = false;
    });
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    openMenus().forEach((menu) => {
      menu.open = false;
      menu.querySelector("summary").focus();
    });
  });

  // A choice that somebody has open is not taken away from under them.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const focused = document.activeElement;
    if (isPoll(event.target) && focused?.matches("select") && event.target.contains(focused)) event.preventDefault();
  });

  // Parts that ask for themselves: told the content's name, the server says where nothing has changed, and then nothing is
  // touched. In a hidden tab they ask once in a while only.
  const HIDDEN_MS = 30_000;
  const names = new Map();
  const asked = new Map();
  const isPoll = (part) => part.getAttribute("hx-trigger")?.startsWith("every ");

  document.addEventListener("htmx:beforeRequest", (event) => {
    const path = event.detail.pathInfo.requestPath;
    if (!isPoll(event.target)) return;
    if (document.hidden && Date.now() - (asked.get(path) || 0) < HIDDEN_MS) event.preventDefault();
    else asked.set(path, Date.now());
  });

  document.addEventListener("htmx:configRequest", (event) => {
    const name = names.get(event.detail.path);
    if (isPoll(event.target) && name) event.detail.headers["If-None-Match"] = name;
  });

  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, pathInfo } = event.detail;
    if (xhr.status === 304) event.detail.shouldSwap = false;
    else if (isPoll(event.target) && xhr.getResponseHeader("ETag")) names.set(pathInfo.requestPath, xhr.getResponseHeader("ETag"));
    else names.clear(); // something else was swapped in: what the names stand for is no longer there
  });

  // Who is signed out by now signs in and comes back. A page on which something is put together stays: nothing of it shall be lost.
  document.addEventListener("htmx:responseError", (event) => {
    const isKept = document.querySelector("form[data-upload], [hx-include]");
    if (event.detail.xhr.status === 401 && !isKept) window.location.reload();
  });

  document.addEventListener("htmx:afterSettle", () => {
    const speaker = document.getElementById("announcer");
    const source = document.querySelector("[data-announce]");
    if (speaker && source && speaker.textContent !== source.dataset.announce) {
      speaker.textContent = source.dataset.announce;
    }
  });

  document.addEventListener("submit", (event) => {
    const question = event.target.dataset.confirm;
    if (question && !window.confirm(question)) event.preventDefault();
  });

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const field = document.getElementById(button.dataset.copy);
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
      button.querySelector("span").textContent = button.dataset.done;
    } catch {
      field.focus(); // no clipboard without https: the text is selected, the person copies it
    }
  });
})();
