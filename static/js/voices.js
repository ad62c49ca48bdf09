// Voices in a list: a button plays one, and stops the one before; its waveform shows where it is, and leads elsewhere when pressed.
// Without this script each has the browser's own controls.
(() => {
  "use strict";

  const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
  const partsOf = (inside) => {
    const voice = inside.closest("[data-voice]");
    return voice && {
      sound: voice.querySelector("audio"),
      button: voice.querySelector("[data-hear]"),
      place: voice.querySelector("[data-place]"),
      hearing: voice.querySelector(".hearing"),
    };
  };

  const show = ({ sound, button, place, hearing }) => {
    const share = sound.duration ? sound.currentTime / sound.duration : 0;
    hearing.style.setProperty("--now", `${100 * share}%`);
    hearing.classList.toggle("heard", sound.currentTime > 0);
    place.value = Math.round(1000 * share);
    place.setAttribute("aria-valuetext", clock(sound.currentTime));
    button.querySelector("[data-when-paused]").hidden = !sound.paused;
    button.querySelector("[data-when-playing]").hidden = sound.paused;
    button.setAttribute("aria-label", sound.paused ? button.dataset.play : button.dataset.pause);
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-hear]");
    if (!button) return;
    const { sound } = partsOf(button);
    if (!sound.paused) return sound.pause();
    document.querySelectorAll("[data-voice] audio").forEach((other) => other !== sound && other.pause());
    sound.play().catch(() => {});
  });

  // The place pressed may be known before the file's length is.
  document.addEventListener("input", (event) => {
    if (!event.target.matches("[data-place]")) return;
    const parts = partsOf(event.target);
    const share = event.target.value / 1000;
    const go = () => {
      parts.sound.currentTime = share * parts.sound.duration;
    };
    if (parts.sound.readyState) return go();
    parts.sound.addEventListener("loadedmetadata", go, { once: true });
    parts.sound.load();
    if (parts.sound.preload === "none") parts.sound.preload = "metadata";
  });

  // What a sound tells does not rise through the page; it is caught on its way down.
  ["play", "pause", "timeupdate", "seeked", "ended"].forEach((name) => {
    document.addEventListener(name, (event) => {
      const parts = event.target.closest?.("[data-voice]") && partsOf(event.target);
      if (parts) show(parts);
    }, true);
  });
})();
