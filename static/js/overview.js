// The timeline under the player: a click seeks, a line follows the film, and what lies under the pointer is told in words.
(() => {
  "use strict";

  const pointAt = (told, seconds) => Math.min(told.loudness.length - 1, Math.max(0, Math.floor(seconds / told.step)));

  const spanAt = (spans, seconds, from) => spans.find((span) => span[from] <= seconds && seconds < span[from + 1]);

  const start = (overview) => {
    if (overview.dataset.started) return;
    overview.dataset.started = "yes";
    const told = JSON.parse(overview.dataset.overview);
    const stage = overview.querySelector(".overview-stage");
    const now = overview.querySelector("[data-now]");
    const said = overview.querySelector("[data-said]");
    const film = overview.closest("[data-player]").querySelector("video.new");
    const duration = told.step * told.loudness.length;
    let pressed = false;

    const secondsAt = (event) => {
      const box = stage.getBoundingClientRect();
      return Math.min(0.999, Math.max(0, (event.clientX - box.left) / box.width)) * duration;
    };

    const follow = () => stage.style.setProperty("--now", `${(film.currentTime / duration) * 100}%`);

    const tell = (seconds) => {
      const point = pointAt(told, seconds);
      const passed = spanAt(told.passed, seconds, 0);
      const sound = spanAt(told.sounds, seconds, 1);
      const painted = told.painted[point];
      const parts = [`${seconds.toFixed(1)} s`];
      if (sound) parts.push(`[${sound[0]}]`);
      parts.push(said.dataset.words.replace("%1", `${told.wanted[point]} %`).replace("%2", painted === null ? "–" : `${painted} %`));
      if (passed) parts.push(told.words[passed[2]]);
      said.textContent = parts.join(" · ");
    };

    const seek = (event) => {
      film.currentTime = secondsAt(event);
      follow();
    };

    stage.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      pressed = true;
      stage.setPointerCapture(event.pointerId);
      seek(event);
    });
    stage.addEventListener("pointermove", (event) => {
      tell(secondsAt(event));
      if (pressed) seek(event);
    });
    ["pointerup", "pointercancel"].forEach((name) => stage.addEventListener(name, () => (pressed = false)));
    stage.addEventListener("pointerleave", () => (said.textContent = ""));

    const everyFrame = () => {
      follow();
      film.requestVideoFrameCallback(everyFrame);
    };
    if (film.requestVideoFrameCallback) film.requestVideoFrameCallback(everyFrame);
    ["timeupdate", "seeked"].forEach((name) => film.addEventListener(name, follow));
    now.hidden = false;
    follow();
  };

  const startAll = () => document.querySelectorAll("[data-overview]").forEach(start);
  document.addEventListener("htmx:afterSettle", startAll);
  startAll();
})();
