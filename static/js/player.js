// The finished video with the old take over it: play in step, wipe, choose the sound.
// Without this script the new video plays with the browser's own controls.
(() => {
  "use strict";

  const frameStep = 1 / 25;

  const clock = (seconds) => {
    const whole = Math.floor(seconds || 0);
    return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
  };

  const fractionOf = (text) => {
    const [above, below] = text.split("/").map(Number);
    return above / (below || 1);
  };

  const start = (player) => {
    if (player.dataset.started) return;
    player.dataset.started = "yes";
    const stage = player.querySelector(".stage");
    const fresh = player.querySelector("video.new");
    const old = player.querySelector("video.old");
    const play = player.querySelector("[data-play]");
    const seek = player.querySelector("[data-seek]");
    const time = player.querySelector("[data-time]");
    const range = player.querySelector(".wipe-range");
    const compareParts = player.querySelectorAll("[data-compare]");
    const rate = fractionOf(player.dataset.rate);
    const overview = player.querySelector("[data-overview]");
    const runs = overview ? JSON.parse(overview.dataset.overview).runs : [[0, 0, 1]];
    let seeking = false;

    fresh.controls = false;
    player.querySelectorAll("[data-scripted]").forEach((part) => {
      part.hidden = false;
    });

    const sound = (which) => {
      fresh.muted = which === "old";
      old.muted = which !== "old";
    };

    const wipe = (share) => stage.style.setProperty("--wipe", `${share}%`);

    const view = (which) => {
      const comparing = which === "both";
      compareParts.forEach((part) => {
        part.hidden = !comparing;
      });
      old.hidden = which === "new";
      wipe(comparing ? Number(range.value) : which === "old" ? 100 : 0);
      sound(which === "old" ? "old" : "new");
      if (which !== "new") inStep(true);
    };

    // Which moment of the take lies under this one of the video, and whether the take runs on from there.
    const moment = () => {
      const frame = Math.floor(fresh.currentTime * rate + 0.001);
      const run = runs.findLast(([first]) => first <= frame) || runs[0];
      const wanted = (run[1] + run[2] * (frame - run[0]) + 0.5) / rate;
      return { onwards: run[2] > 0, wanted: Math.min(wanted, old.duration - 0.02) };
    };

    const inStep = (hard) => {
      if (old.hidden || !Number.isFinite(old.duration)) return;
      const { onwards, wanted } = moment();
      const off = Math.abs(old.currentTime - wanted);
      if (hard || (off > (onwards ? 0.12 : 0.03) && !old.seeking)) old.currentTime = wanted;
      if (!fresh.paused && onwards) old.play().catch(() => {});
      else old.pause();
    };

    const everyFrame = () => {
      inStep(false);
      fresh.requestVideoFrameCallback(everyFrame);
    };
    if (fresh.requestVideoFrameCallback) fresh.requestVideoFrameCallback(everyFrame);

    const paint = () => {
      if (!seeking) seek.value = fresh.duration ? (fresh.currentTime / fresh.duration) * 1000 : 0;
      time.textContent = `${clock(fresh.currentTime)} / ${clock(Math.round(fresh.duration))}`;
      seek.setAttribute("aria-valuetext", time.textContent);
    };

    const toggle = () => (fresh.paused ? fresh.play() : fresh.pause());

    const showPlaying = () => {
      play.querySelector("[data-when-paused]").toggleAttribute("hidden", !fresh.paused);
      play.querySelector("[data-when-playing]").toggleAttribute("hidden", fresh.paused);
      play.setAttribute("aria-label", fresh.paused ? play.dataset.play : play.dataset.pause);
      inStep(false);
    };

    play.addEventListener("click", toggle);
    fresh.addEventListener("click", toggle);
    ["play", "pause", "ended"].forEach((name) => fresh.addEventListener(name, showPlaying));
    ["timeupdate", "loadedmetadata"].forEach((name) =>
      fresh.addEventListener(name, () => {
        paint();
        inStep(false);
      })
    );
    fresh.addEventListener("seeked", () => inStep(true));
    old.addEventListener("loadedmetadata", () => inStep(true));

    seek.addEventListener("input", () => {
      seeking = true;
      if (fresh.duration) fresh.currentTime = (Number(seek.value) / 1000) * fresh.duration;
      paint();
    });
    seek.addEventListener("change", () => {
      seeking = false;
    });

    range.addEventListener("input", () => wipe(Number(range.value)));
    player.querySelectorAll('input[name="view"]').forEach((radio) => {
      radio.addEventListener("change", () => view(radio.value));
    });
    player.querySelector("[data-full-screen]").addEventListener("click", () => {
      if (document.fullscreenElement) document.exitFullscreen();
      else stage.requestFullscreen();
    });

    player.addEventListener("keydown", (event) => {
      if (event.target.matches('input[type="range"], input[type="radio"], button, a, summary')) return;
      const moves = { ",": -frameStep, ".": frameStep, j: -5, l: 5 };
      if (event.key === " " || event.key === "k") toggle();
      else if (event.key in moves) fresh.currentTime += moves[event.key];
      else return;
      event.preventDefault();
    });

    view("new");
    paint();
  };

  const startAll = () => document.querySelectorAll("[data-player]").forEach(start);
  document.addEventListener("htmx:afterSettle", startAll);
  startAll();
})();
