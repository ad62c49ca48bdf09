// A still that is a film: moves without sound under the pointer or in focus, plays with controls when pressed.
// Without this script the link opens the film itself.
(() => {
  "use strict";

  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");

  const filmOf = (link) => {
    const film = document.createElement("video");
    film.src = link.href;
    film.playsInline = true;
    film.className = "film";
    return film;
  };

  const hint = (link) => {
    if (calm.matches || link.querySelector("video")) return;
    const film = filmOf(link);
    film.muted = true;
    film.loop = true;
    link.append(film);
    film.play().catch(() => film.remove());
  };

  const rest = (link) => link.querySelector("video")?.remove();

  const open = (link) => {
    rest(link);
    const box = document.createElement("div");
    box.className = "still";
    const film = filmOf(link);
    film.controls = true;
    film.setAttribute("aria-label", link.getAttribute("aria-label"));
    box.append(film);
    link.replaceWith(box);
    film.play().catch(() => {});
    film.focus();
  };

  const wake = (part) => part.querySelectorAll("[data-film]:not([data-awake])").forEach((link) => {
    link.dataset.awake = "";
    link.addEventListener("pointerenter", () => hint(link));
    link.addEventListener("pointerleave", () => rest(link));
    link.addEventListener("focus", () => hint(link));
    link.addEventListener("blur", () => rest(link));
    link.addEventListener("click", (event) => {
      event.preventDefault();
      open(link);
    });
  });

  wake(document);
  document.addEventListener("renewed", () => wake(document)); // the films of a list that was fetched anew
  document.addEventListener("htmx:load", (event) => wake(event.detail.elt)); // and those of a card

  // A card that plays, stands open or is chosen is not taken away from under whoever looks at it.
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.target.matches(".clip") && event.target.querySelector("video, details[open], :checked")) event.preventDefault();
  });
})();
