// The open tab is in sight; menus close on Escape and on a click elsewhere; live parts tell screen readers only what is new and wait for an open choice;
// a form marked data-confirm asks before it is sent.
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
    if (focused?.matches("select") && event.target.contains(focused)) event.preventDefault();
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
