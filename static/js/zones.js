// Drop zones: files come by a drop anywhere on the page, a paste or the file dialog, and are judged before they travel.
(() => {
  "use strict";

  const MEASURE_MS = 4_000;
  const number = new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 1 });

  const readableSize = (bytes) => {
    const units = ["KB", "MB", "GB"];
    let value = bytes ? Math.max(bytes / 1024, 0.1) : 0;
    let unit = 0;
    while (value >= 1000 && unit < units.length - 1) {
      value /= 1024;
      unit += 1;
    }
    return `${number.format(value)} ${units[unit]}`;
  };

  const clock = (seconds) => {
    const whole = Math.round(seconds);
    const minutes = Math.floor(whole / 60);
    const rest = String(whole % 60).padStart(2, "0");
    if (minutes < 60) return `${minutes}:${rest}`;
    return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
  };

  const kindOf = (file) => {
    if (file.type.startsWith("video/") || /\.(mp4|mov|m4v|mkv|webm|avi|mpe?g|m?ts|m2ts|3gp)$/i.test(file.name)) return "video";
    if (file.type.startsWith("audio/") || /\.(wav|mp3|m4a|aac|flac|og[ga]|opus|wma|aiff?)$/i.test(file.name)) return "voice";
    return "";
  };

  const fileInput = (zone) => zone.querySelector('input[type="file"]');
  const filesOf = (zone) => [...fileInput(zone).files];

  const complain = (zone, sentence) => {
    const place = zone.querySelector("[data-complaint]");
    place.textContent = sentence;
    place.hidden = !sentence;
    zone.querySelector(".zone-drop").classList.toggle("wrong", Boolean(sentence));
  };

  const mediumFor = (zone, url) => {
    const medium = document.createElement(zone.dataset.zone === "video" ? "video" : "audio");
    medium.controls = true;
    medium.preload = "metadata";
    medium.muted = zone.dataset.zone === "video";
    medium.src = url;
    return medium;
  };

  // Seconds, as far as the browser can tell; null where only the server can read the file.
  const lengthOf = (zone, file) =>
    new Promise((tell) => {
      const url = URL.createObjectURL(file);
      const medium = mediumFor(zone, url);
      const end = (length) => {
        clearTimeout(patience);
        medium.removeAttribute("src");
        URL.revokeObjectURL(url);
        tell(length);
      };
      const patience = setTimeout(() => end(null), MEASURE_MS);
      medium.addEventListener("loadedmetadata", () => end(Number.isFinite(medium.duration) ? medium.duration : null));
      medium.addEventListener("error", () => end(null));
    });

  window.dropZones = (form, { adopt, detailOf }) => {
    const zones = [...form.querySelectorAll("[data-zone]")];
    const words = form.dataset;

    const show = (zone, chosen) => {
      const empty = zone.querySelector("[data-empty]");
      const full = zone.querySelector("[data-full]");
      const preview = full.querySelector(".preview");
      preview.querySelectorAll("video, audio, img, ul").forEach((shown) => {
        if (shown.src?.startsWith("blob:")) URL.revokeObjectURL(shown.src);
        shown.remove();
      });
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

    const playable = (zone, url, detail) => {
      const medium = mediumFor(zone, url);
      medium.addEventListener("loadedmetadata", () => {
        if (!Number.isFinite(medium.duration)) return;
        zone.querySelector("[data-detail]").textContent = `${clock(medium.duration)} · ${detail}`;
      });
      medium.addEventListener("error", () => medium.remove()); // a format that only the server can read
      return medium;
    };

    const listOf = (files) => {
      const list = document.createElement("ul");
      list.className = "names";
      list.append(
        ...files.map((file) => {
          const line = document.createElement("li");
          const name = document.createElement("bdi");
          name.className = "cut";
          name.textContent = file.name;
          const size = document.createElement("span");
          size.className = "data";
          size.textContent = readableSize(file.size);
          line.append(name, size);
          return line;
        }),
      );
      return list;
    };

    const faultOf = (zone, file) => {
      const { limit, endings } = fileInput(zone).dataset;
      const ending = /\.[^.]+$/.exec(file.name.toLowerCase())?.[0];
      if (file.size === 0) return words.empty;
      if (Number(limit) && file.size > Number(limit)) return words.tooLarge.replace("%s", readableSize(Number(limit)));
      if (ending && endings && !endings.split(",").includes(ending)) return zone.dataset.wrongKind;
      return "";
    };

    const unpick = (zone) => {
      const none = zone.querySelector('input[type="radio"][value=""]');
      if (none) none.checked = true;
    };

    const fill = (zone, files) => {
      const transfer = new DataTransfer();
      files.forEach((file) => transfer.items.add(file));
      fileInput(zone).files = transfer.files;
      form.dispatchEvent(new CustomEvent("chosen"));
      if (!files.length) {
        show(zone, null);
        return;
      }
      unpick(zone);
      zone.querySelectorAll("details").forEach((fold) => (fold.open = false));
      if (files.length === 1) {
        const detail = detailOf(zone, files[0], readableSize(files[0].size));
        const medium = playable(zone, URL.createObjectURL(files[0]), detail);
        show(zone, { name: files[0].name, detail, medium });
      } else {
        const size = files.reduce((sum, file) => sum + file.size, 0);
        const name = words.several.replace("%s", files.length);
        show(zone, { name, detail: readableSize(size), medium: listOf(files) });
      }
    };

    const refuse = (zone, faults) => {
      const alone = faults.length === 1 && !filesOf(zone).length;
      complain(zone, faults.map(([file, fault]) => (alone ? fault : `${file.name}: ${fault}`)).join("\n"));
    };

    const take = async (zone, given) => {
      const files = (zone.dataset.several === undefined ? given.slice(-1) : given).filter((file) => !adopt(zone, file));
      if (!files.length && given.length) {
        fill(zone, []);
        return;
      }
      const faults = files.map((file) => [file, faultOf(zone, file)]).filter(([, fault]) => fault);
      const bad = new Set(faults.map(([file]) => file));
      fill(zone, files.filter((file) => !bad.has(file)));
      refuse(zone, faults);
      const shortest = Number(fileInput(zone).dataset.shortest) || 0;
      for (const file of filesOf(zone)) {
        const length = await lengthOf(zone, file);
        if (length === null || length >= shortest || !filesOf(zone).includes(file)) continue;
        faults.push([file, zone.dataset.tooShort]);
        fill(zone, filesOf(zone).filter((other) => other !== file));
        refuse(zone, faults);
      }
    };

    const pick = (zone, radio, { focused = true } = {}) => {
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
        medium = playable(zone, radio.dataset.media, radio.dataset.detail);
      }
      show(zone, { name: radio.dataset.name, detail: radio.dataset.detail, medium });
      radio.closest("details").open = false;
      if (focused) zone.querySelector("[data-clear]").focus();
    };

    zones.forEach((zone) => {
      const input = fileInput(zone);
      input.multiple = zone.dataset.several !== undefined;
      input.addEventListener("change", () => take(zone, filesOf(zone)));
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
        unpick(zone);
        complain(zone, "");
        fill(zone, []);
      });
      const picked = zone.querySelector('input[type="radio"]:checked');
      if (picked && picked.value) pick(zone, picked, { focused: false });
    });

    // Anywhere on the page: a file goes to the zone of its kind, or to the zone under the pointer.
    const place = (files, target) => {
      const groups = new Map();
      [...files].forEach((file) => {
        const kind = kindOf(file);
        const zone =
          zones.find((each) => each.contains(target) && (!kind || files.length === 1)) ||
          zones.find((each) => each.dataset.zone === kind) ||
          zones[0];
        groups.set(zone, [...(groups.get(zone) || []), file]);
      });
      groups.forEach((group, zone) => {
        const details = zone.closest("details");
        if (details) details.open = true;
        take(zone, zone.dataset.several === undefined ? group : [...filesOf(zone), ...group]);
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

    return {
      zones,
      filesOf,
      pickedIn: (zone) => zone.querySelector('input[type="radio"]:checked')?.value || "",
      complain,
      take,
      clear: (zone) => {
        complain(zone, "");
        fill(zone, []);
      },
      focus: (zone) => fileInput(zone).focus(),
      restore: () => zones.forEach((zone) => filesOf(zone).length && take(zone, filesOf(zone))),
    };
  };

  window.told = { readableSize, clock };
})();
