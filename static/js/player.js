// The finished video with the old take over it: play in step, wipe, choose the sound, loop a span.
// Without this script the new video plays with the browser's own controls.
(() => {
  "use strict";

  const JUMP_SECONDS = 5;

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
    const loop = player.querySelector("[data-loop]");
    const loopMark = player.querySelector("[data-loop-mark]");
    const compareParts = player.querySelectorAll("[data-compare]");
    const rate = fractionOf(player.dataset.rate);
    const overview = player.querySelector("[data-overview]");
    const runs = overview ? JSON.parse(overview.dataset.overview).runs : [[0, 0, 1]];
    const span = { from: null, to: null };
    let seeking = false;

    fresh.controls = false;
    player.querySelectorAll("[data-scripted]").forEach((part) => {
      part.hidden = false;
    });

    const chosen = (name) => player.querySelector(`input[name="${name}"]:checked`).value;
    const choose = (name, value) => player.querySelector(`input[name="${name}"][value="${value}"]`).click();
    const needsOld = () => chosen("view") !== "new" || chosen("sound") === "old";

    const sound = () => {
      fresh.muted = chosen("sound") === "old";
      old.muted = !fresh.muted;
      inStep(true);
    };

    const wipe = (share) => stage.style.setProperty("--wipe", `${share}%`);

    const view = () => {
      const which = chosen("view");
      const comparing = which === "both";
      compareParts.forEach((part) => {
        part.hidden = !comparing;
      });
      old.hidden = which === "new";
      wipe(comparing ? Number(range.value) : which === "old" ? 100 : 0);
      inStep(true);
    };

    const frameNow = () => Math.floor(fresh.currentTime * rate + 0.001);

    // Which moment of the take lies under this one of the video, and whether the take runs on from there.
    const moment = () => {
      const frame = frameNow();
      const run = runs.findLast(([first]) => first <= frame) || runs[0];
      const wanted = (run[1] + run[2] * (frame - run[0]) + 0.5) / rate;
      return { onwards: run[2] > 0, wanted: Math.min(wanted, old.duration - 0.02) };
    };

    const inStep = (hard) => {
      if (!needsOld() || !Number.isFinite(old.duration)) {
        old.pause();
        return;
      }
      const { onwards, wanted } = moment();
      const off = Math.abs(old.currentTime - wanted);
      if (hard || (off > (onwards ? 0.12 : 0.03) && !old.seeking)) old.currentTime = wanted;
      if (!fresh.paused && onwards) old.play().catch(() => {});
      else old.pause();
    };

    const goRound = () => {
      if (span.to === null || (fresh.currentTime < span.to && !fresh.ended)) return;
      fresh.currentTime = span.from;
      if (fresh.ended) fresh.play().catch(() => {});
    };

    const everyFrame = () => {
      goRound();
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
    const jump = (seconds) => (fresh.currentTime = Math.min(Math.max(0, fresh.currentTime + seconds), fresh.duration || 0));

    const step = (frames) => {
      fresh.pause();
      const last = Math.round((fresh.duration || 0) * rate) - 1;
      fresh.currentTime = (Math.min(Math.max(0, frameNow() + frames), last) + 0.5) / rate;
    };

    // Pressed once it begins here, twice it ends here, three times there is no loop.
    const nextLoop = () => {
      if (span.from === null) {
        span.from = fresh.currentTime;
      } else if (span.to === null) {
        [span.from, span.to] = [span.from, fresh.currentTime].sort((one, other) => one - other);
        span.to = Math.max(span.to, span.from + 2 / rate);
      } else {
        span.from = span.to = null;
      }
      const { first, second, third } = loop.dataset;
      loop.querySelector("span").textContent = span.from === null ? first : span.to === null ? second : third;
      loop.setAttribute("aria-pressed", String(span.to !== null));
      if (!loopMark) return;
      loopMark.hidden = span.from === null;
      loopMark.style.setProperty("--from", `${(span.from / fresh.duration) * 100}%`);
      loopMark.style.setProperty("--to", `${((span.to ?? span.from) / fresh.duration) * 100}%`);
    };

    const fullScreen = () => {
      if (document.fullscreenElement) document.exitFullscreen();
      else player.requestFullscreen();
    };

    const showPlaying = () => {
      play.querySelector("[data-when-paused]").toggleAttribute("hidden", !fresh.paused);
      play.querySelector("[data-when-playing]").toggleAttribute("hidden", fresh.paused);
      play.setAttribute("aria-label", fresh.paused ? play.dataset.play : play.dataset.pause);
      inStep(false);
    };

    play.addEventListener("click", toggle);
    fresh.addEventListener("click", toggle);
    ["play", "pause", "ended"].forEach((name) => fresh.addEventListener(name, showPlaying));
    ["timeupdate", "loadedmetadata", "ended"].forEach((name) =>
      fresh.addEventListener(name, () => {
        goRound();
        paint();
        inStep(false);
      }),
    );
    const cannotPlay = () => (player.querySelector("[data-unplayable]").hidden = false);
    fresh.addEventListener("error", cannotPlay);
    if (fresh.error) cannotPlay();
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
    player.querySelectorAll('input[name="view"]').forEach((radio) => radio.addEventListener("change", view));
    player.querySelectorAll('input[name="sound"]').forEach((radio) => radio.addEventListener("change", sound));
    loop.addEventListener("click", nextLoop);
    player.querySelector("[data-full-screen]").addEventListener("click", fullScreen);

    const keys = {
      " ": toggle,
      k: toggle,
      j: () => jump(-JUMP_SECONDS),
      l: () => jump(JUMP_SECONDS),
      ",": () => step(-1),
      ".": () => step(1),
      b: nextLoop,
      n: () => choose("view", "new"),
      c: () => choose("view", "both"),
      o: () => choose("view", "old"),
      m: () => choose("sound", chosen("sound") === "new" ? "old" : "new"),
      f: fullScreen,
    };
    document.addEventListener("keydown", (event) => {
      if (!player.isConnected || event.ctrlKey || event.metaKey || event.altKey) return;
      const { target } = event;
      if (target.matches('input:not([type="range"], [type="radio"]), select, textarea')) return;
      if (event.key === " " && target.matches("button, a, summary, [type='radio']")) return;
      const deed = keys[event.key.toLowerCase()];
      if (!deed) return;
      deed();
      event.preventDefault();
    });

    view();
    paint();
  };

  const startAll = () => document.querySelectorAll("[data-player]").forEach(start);
  document.addEventListener("htmx:afterSettle", startAll);
  startAll();
})();
