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
    const nextWeak = overview.querySelector("[data-next-weak]");
    const film = overview.closest("[data-player]").querySelector("video.new");
    const duration = told.step * told.loudness.length;
    let pressed = false;

    const secondsAt = (event) => {
      const box = stage.getBoundingClientRect();
      return Math.min(0.999, Math.max(0, (event.clientX - box.left) / box.width)) * duration;
    };

    const follow = () => stage.style.setProperty("--now", `${(film.currentTime / duration) * 100}%`);

    // How well it came out there, of which nothing may be known.
    const gradesAt = (seconds) => {
      const rows = told.quality;
      if (!rows) return "";
      const point = Math.min(rows.flicker.length - 1, Math.floor(seconds / rows.step));
      const known = ["sync", "sharpness", "flicker"].filter((name) => rows[name][point] !== null);
      return known.map((name) => said.dataset[name].replace("%1", `${rows[name][point]} %`)).join(", ");
    };

    const tell = (seconds) => {
      const point = pointAt(told, seconds);
      const passed = spanAt(told.passed, seconds, 0);
      const sound = spanAt(told.sounds, seconds, 1);
      const painted = told.painted[point];
      const parts = [`${seconds.toFixed(1)} s`];
      if (sound) parts.push(`[${sound[0]}]`);
      parts.push(said.dataset.words.replace("%1", `${told.wanted[point]} %`).replace("%2", painted === null ? "–" : `${painted} %`));
      const grades = gradesAt(seconds);
      if (grades) parts.push(grades);
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

    // The first that begins after this moment, then round again from the first of all.
    const toNextWeak = () => {
      const now = film.currentTime + 0.05;
      const [from, to, words] = told.weak.find(([start]) => start > now) || told.weak[0];
      film.pause();
      film.currentTime = Math.min(from + 0.001, duration - 0.01);
      overview.querySelector("[data-weak-said]").textContent = `${from.toFixed(1)}–${to.toFixed(1)} s: ${words}`;
    };
    if (nextWeak) {
      nextWeak.addEventListener("click", toNextWeak);
      document.addEventListener("keydown", (event) => {
        if (!overview.isConnected || event.key.toLowerCase() !== "w" || event.ctrlKey || event.metaKey || event.altKey) return;
        if (!event.target.matches('input:not([type="range"], [type="radio"]), select, textarea')) toNextWeak();
      });
    }

    // Without a pointer, what the keys have come to is told.
    const tellWhenPaused = () => film.paused && tell(Math.min(film.currentTime, duration * 0.999));

    const everyFrame = () => {
      follow();
      film.requestVideoFrameCallback(everyFrame);
    };
    if (film.requestVideoFrameCallback) film.requestVideoFrameCallback(everyFrame);
    ["timeupdate", "seeked"].forEach((name) => film.addEventListener(name, follow));
    ["pause", "seeked"].forEach((name) => film.addEventListener(name, tellWhenPaused));
    film.addEventListener("play", () => (said.textContent = ""));
    now.hidden = false;
    follow();
  };

  const startAll = () => document.querySelectorAll("[data-overview]").forEach(start);
  document.addEventListener("htmx:afterSettle", startAll);
  startAll();
})();
