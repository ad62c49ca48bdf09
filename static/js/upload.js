// A form marked data-upload: drop zones with a preview, sending with a progress bar.
// Without this script the same form is sent plainly and answers the same pages.
(() => {
  "use strict";

  const form = document.querySelector("form[data-upload]");
  if (!form) return;

  const zones = [...form.querySelectorAll("[data-zone]")];
  const words = form.dataset;
  const number = new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 1 });

  const readableSize = (bytes) => {
    const units = ["KB", "MB", "GB"];
    let value = Math.max(bytes / 1024, 0.1);
    let unit = 0;
    while (value >= 1000 && unit < units.length - 1) {
      value /= 1024;
      unit += 1;
    }
    return `${number.format(value)} ${units[unit]}`;
  };

  const clock = (seconds) => {
    const whole = Math.round(seconds);
    return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
  };

  const kindOf = (file) => {
    if (file.type.startsWith("video/") || /\.(mp4|mov|m4v|mkv|webm|avi|mpe?g|ts)$/i.test(file.name)) return "video";
    if (file.type.startsWith("audio/") || /\.(wav|mp3|m4a|aac|flac|og[ga]|opus)$/i.test(file.name)) return "voice";
    return "";
  };

  const fileInput = (zone) => zone.querySelector('input[type="file"]');

  const complain = (zone, sentence) => {
    const place = zone.querySelector("[data-complaint]");
    place.textContent = sentence;
    place.hidden = !sentence;
    zone.querySelector(".zone-drop").classList.toggle("wrong", Boolean(sentence));
  };

  const show = (zone, chosen) => {
    const empty = zone.querySelector("[data-empty]");
    const full = zone.querySelector("[data-full]");
    const preview = full.querySelector(".preview");
    const shown = preview.querySelector("video, audio, img");
    if (shown) {
      if (shown.src.startsWith("blob:")) URL.revokeObjectURL(shown.src);
      shown.remove();
    }
    const hadFocus = full.contains(document.activeElement);
    empty.hidden = Boolean(chosen);
    full.hidden = !chosen;
    if (!chosen) {
      if (hadFocus) fileInput(zone).focus();
      return;
    }
    full.querySelector("[data-name]").textContent = chosen.name;
    full.querySelector("[data-detail]").textContent = chosen.detail;
    if (chosen.medium) preview.append(chosen.medium);
  };

  const mediumFor = (zone, url, detail) => {
    const medium = document.createElement(zone.dataset.zone === "video" ? "video" : "audio");
    medium.controls = true;
    medium.preload = "metadata";
    medium.muted = zone.dataset.zone === "video";
    medium.addEventListener("loadedmetadata", () => {
      if (!Number.isFinite(medium.duration)) return;
      zone.querySelector("[data-detail]").textContent = `${clock(medium.duration)} · ${detail}`;
    });
    medium.addEventListener("error", () => medium.remove()); // a format that only the server can read
    medium.src = url;
    return medium;
  };

  const unpick = (zone) => {
    const none = zone.querySelector('input[type="radio"][value=""]');
    if (none) none.checked = true;
  };

  const take = (zone, file) => {
    const input = fileInput(zone);
    const limit = Number(input.dataset.limit);
    if (limit && file.size > limit) {
      complain(zone, words.tooLarge.replace("%s", readableSize(limit)));
      input.value = "";
      show(zone, null);
      return;
    }
    if (file.size === 0) {
      complain(zone, words.empty);
      input.value = "";
      show(zone, null);
      return;
    }
    if (input.files[0] !== file) {
      const transfer = new DataTransfer();
      transfer.items.add(file);
      input.files = transfer.files;
    }
    unpick(zone);
    zone.querySelector("details").open = false;
    complain(zone, "");
    const detail = readableSize(file.size);
    show(zone, { name: file.name, detail, medium: mediumFor(zone, URL.createObjectURL(file), detail) });
  };

  const pick = (zone, radio) => {
    fileInput(zone).value = "";
    complain(zone, "");
    if (!radio.value) {
      show(zone, null);
      return;
    }
    let medium = null;
    if (radio.dataset.still) {
      medium = document.createElement("img");
      medium.src = radio.dataset.still;
      medium.alt = "";
    } else if (radio.dataset.media) {
      medium = mediumFor(zone, radio.dataset.media, radio.dataset.detail);
    }
    show(zone, { name: radio.dataset.name, detail: radio.dataset.detail, medium });
    radio.closest("details").open = false;
    zone.querySelector("[data-clear]").focus();
  };

  zones.forEach((zone) => {
    fileInput(zone).addEventListener("change", (event) => {
      const file = event.target.files[0];
      if (file) take(zone, file);
      else show(zone, null);
    });
    zone.querySelectorAll('input[type="radio"]').forEach((radio) => {
      radio.addEventListener("click", () => pick(zone, radio));
      radio.addEventListener("keydown", (event) => {
        if (event.key === "Enter") {
          event.preventDefault();
          radio.checked = true;
          pick(zone, radio);
        }
      });
    });
    zone.querySelector("[data-clear]").addEventListener("click", () => {
      fileInput(zone).value = "";
      unpick(zone);
      show(zone, null);
    });
    if (fileInput(zone).files[0]) take(zone, fileInput(zone).files[0]);
    const picked = zone.querySelector('input[type="radio"]:checked');
    if (picked && picked.value) pick(zone, picked);
  });

  // Anywhere on the page: a file goes to the zone of its kind, or to the zone under the pointer.
  const place = (files, target) => {
    [...files].forEach((file) => {
      const kind = kindOf(file);
      const zone =
        zones.find((each) => each.contains(target) && (!kind || files.length === 1)) ||
        zones.find((each) => each.dataset.zone === kind) ||
        zones[0];
      take(zone, file);
    });
  };

  let depth = 0;
  const carriesFiles = (event) => [...(event.dataTransfer?.types || [])].includes("Files");
  document.addEventListener("dragenter", (event) => {
    if (!carriesFiles(event)) return;
    depth += 1;
    document.body.classList.add("dropping");
  });
  document.addEventListener("dragleave", () => {
    depth = Math.max(0, depth - 1);
    if (depth === 0) document.body.classList.remove("dropping");
  });
  document.addEventListener("dragover", (event) => {
    if (carriesFiles(event)) event.preventDefault();
  });
  document.addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    depth = 0;
    document.body.classList.remove("dropping");
    place(event.dataTransfer.files, event.target);
  });
  document.addEventListener("paste", (event) => {
    if (event.clipboardData?.files.length) place(event.clipboardData.files, null);
  });

  // Sending.
  const travel = form.querySelector("[data-travel]");
  const bar = travel.querySelector("progress");
  const line = travel.querySelector("[data-line]");
  const button = form.querySelector("[data-send]");
  const stop = travel.querySelector("[data-stop]");
  let request = null;

  const rest = () => {
    request = null;
    travel.hidden = true;
    button.removeAttribute("aria-disabled");
    window.removeEventListener("beforeunload", stay);
  };

  const stay = (event) => event.preventDefault();

  const tell = (html) => {
    const place = form.querySelector("[data-form-errors]");
    place.replaceChildren(html);
    place.scrollIntoView({ block: "center" });
    place.focus();
  };

  const tellSentence = (sentence) => {
    const note = document.createElement("div");
    note.className = "note bad";
    const text = document.createElement("div");
    text.textContent = sentence;
    note.append(text);
    tell(note);
  };

  const answered = (sent) => {
    rest();
    if (sent.status >= 200 && sent.status < 300 && sent.responseURL) {
      window.location.assign(sent.responseURL);
      return;
    }
    const page = new DOMParser().parseFromString(sent.responseText, "text/html");
    const errors = page.querySelector("[data-form-errors]");
    if (errors && errors.children.length) {
      const piece = document.createDocumentFragment();
      piece.append(...errors.childNodes);
      tell(piece);
    } else {
      const sentence = page.querySelector("[data-error-sentence]");
      tellSentence(sentence ? sentence.textContent.trim() : words.failed);
    }
  };

  const missing = () =>
    zones.find((zone) => !fileInput(zone).files.length && !zone.querySelector('input[type="radio"]:checked')?.value);

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (request) return;
    const lacking = missing();
    if (lacking) {
      complain(lacking, lacking.dataset.missing);
      fileInput(lacking).focus();
      return;
    }
    form.querySelector("[data-form-errors]").replaceChildren();
    request = new XMLHttpRequest();
    const sent = request;
    const began = performance.now();
    sent.upload.addEventListener("progress", (step) => {
      if (!step.lengthComputable) return;
      bar.value = step.loaded / step.total;
      const seconds = (performance.now() - began) / 1000;
      const left = (seconds * (step.total - step.loaded)) / Math.max(step.loaded, 1);
      const share = `${readableSize(step.loaded)} / ${readableSize(step.total)}`;
      line.textContent = seconds > 2 && left > 2 ? `${share} · ${words.left.replace("%s", clock(left))}` : share;
    });
    sent.upload.addEventListener("load", () => {
      bar.removeAttribute("value");
      line.textContent = words.checking;
    });
    sent.addEventListener("load", () => answered(sent));
    sent.addEventListener("error", () => {
      rest();
      tellSentence(words.offline);
    });
    sent.addEventListener("abort", rest);
    sent.open("POST", form.action);
    bar.value = 0;
    line.textContent = words.sending;
    travel.hidden = false;
    button.setAttribute("aria-disabled", "true");
    window.addEventListener("beforeunload", stay);
    sent.send(new FormData(form));
  });

  stop.addEventListener("click", () => {
    request?.abort();
    button.focus();
  });
})();
