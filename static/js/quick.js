// Quick render: what the browser can tell of new files goes with the form for the estimate, and the speaker is pointed at in
// the chosen video's picture. Without this script the button names no time, and the place is typed as two numbers.
(() => {
  "use strict";

  const STILL_AT = 0.25; // where the library's stills are taken, as a share of the clip
  const form = document.getElementById("quick-form");
  if (!form) return;

  // --- what is known of a new file ------------------------------------------------------------------------------------
  form.querySelectorAll("[data-zone]").forEach((zone) => {
    const fields = [...zone.querySelectorAll("[data-measured]")];
    const preview = zone.querySelector(".preview");

    const tell = (values) => {
      fields.forEach((field, index) => (field.value = values[index] || ""));
      form.dispatchEvent(new CustomEvent("chosen"));
    };

    const look = () => {
      const medium = preview.querySelector("video, audio");
      if (!medium || !medium.src.startsWith("blob:")) {
        tell([]);
        return;
      }
      const measure = () => tell([medium.duration, medium.videoWidth, medium.videoHeight].map((n) => (Number.isFinite(n) ? n : "")));
      if (medium.readyState > 0) measure();
      else medium.addEventListener("loadedmetadata", measure, { once: true });
    };

    new MutationObserver(look).observe(preview, { childList: true });
    look();
  });

  // --- who speaks -----------------------------------------------------------------------------------------------------
  const pointing = form.querySelector("[data-pointing]");
  const stage = pointing.querySelector("[data-stage]");
  const mark = pointing.querySelector("[data-mark]");
  const before = pointing.querySelector("[data-before]");
  const across = form.elements.point_x;
  const down = form.elements.point_y;
  const chosen = form.querySelector('[data-zone="video"] .preview');

  const place = () => {
    const set = across.value !== "" && down.value !== "";
    mark.hidden = !set;
    if (!set) return;
    mark.style.setProperty("--x", `${across.value}%`);
    mark.style.setProperty("--y", `${down.value}%`);
  };

  const pictureOf = (medium) => {
    if (medium.tagName === "IMG") return medium.cloneNode();
    const film = document.createElement("video");
    film.muted = true;
    film.playsInline = true;
    film.src = medium.src;
    film.addEventListener("loadedmetadata", () => (film.currentTime = film.duration * STILL_AT), { once: true });
    return film;
  };

  const show = () => {
    const medium = chosen.querySelector("img, video");
    stage.querySelectorAll("img, video").forEach((old) => old.remove());
    stage.hidden = !medium;
    before.hidden = Boolean(medium);
    if (medium) stage.prepend(pictureOf(medium));
  };

  stage.addEventListener("click", (event) => {
    const box = stage.getBoundingClientRect();
    across.value = (((event.clientX - box.left) / box.width) * 100).toFixed(1);
    down.value = (((event.clientY - box.top) / box.height) * 100).toFixed(1);
    place();
  });
  [across, down].forEach((field) => field.addEventListener("input", place));

  const renew = () => {
    across.value = "";
    down.value = "";
    place();
    show();
  };
  new MutationObserver(renew).observe(chosen, { childList: true });
  show();
  place();
})();
