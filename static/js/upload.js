// A form marked data-upload sends its files by the tus protocol: in the library each file gets a row of its own, on quick
// render the form follows once both have arrived. Without this script the same form is sent plainly to the same address.
(() => {
  "use strict";

  const form = document.querySelector("form[data-upload]");
  if (!form || !window.tus?.isSupported) return;

  const words = form.dataset;
  const inLibrary = words.project !== undefined;
  const { partOf, pace, sentenceFor } = window.progressWords(words);
  const kindOf = (zone) => (zone.dataset.zone === "video" ? "clip" : "track");
  const value = (name) => form.elements[name]?.value || "";

  const wishesFor = (file, kind, project, title) => ({
    project,
    kind,
    filename: file.name,
    lecturer: kind === "clip" ? value("lecturer") : "",
    language: kind === "track" ? value("language") : "",
    consent: kind === "clip" && form.elements.consent?.checked ? "yes" : "",
    title,
    fingerprint: Sending.nameOf(file),
  });

  // The list takes in what has arrived, once for all that end at the same time. What searches it stays with what was typed there,
  // and comes with the first file.
  const renew = async () => {
    try {
      const answer = await fetch(window.location.href);
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const [finder, list] = ["[data-finder]", "#found"].map((part) => page.querySelector(part));
      if (!list) return; // not that page: who asks is signed out by now
      const fresh = finder && !document.querySelector("[data-finder]") ? [finder, list] : [list];
      document.getElementById("found").replaceWith(...fresh);
      fresh.forEach((part) => window.htmx?.process(part)); // what is made of them shows by itself
      document.dispatchEvent(new CustomEvent("renewed"));
    } catch {
      // no network at this moment: the next visit shows it
    }
  };

  let due = 0;
  const renewSoon = () => {
    if (!inLibrary) return;
    clearTimeout(due);
    due = setTimeout(renew, 300);
  };

  const arrivals = new window.Arrivals(document.querySelector("[data-arrivals]"), words, {
    chosen: (row, file) => (inLibrary ? row.goOnWith(file) : area.take(zoneFor(row.kind), [file])),
    arrived: renewSoon,
  });

  const area = window.dropZones(form, {
    // A file that is known from an earlier visit goes on at once.
    adopt: (zone, file) => {
      const row = inLibrary && arrivals.unfinished(kindOf(zone), file);
      if (row) row.goOnWith(file);
      return Boolean(row);
    },
    detailOf: (zone, file, size) => {
      const row = arrivals.unfinished(kindOf(zone), file);
      return row ? `${size} · ${words.continued.replace("%s", partOf(row.arrived, row.size))}` : size;
    },
  });
  const zoneFor = (kind) => area.zones.find((zone) => kindOf(zone) === kind);
  area.restore();

  const isComplete = () => {
    const lacking = area.zones.find((zone) => !area.filesOf(zone).length && !area.pickedIn(zone));
    if (lacking) {
      area.complain(lacking, lacking.dataset.missing);
      area.focus(lacking);
    }
    return !lacking;
  };

  // --- in the library -----------------------------------------------------------------------------------------------
  const button = form.querySelector("[data-send]");

  const sendToLibrary = () => {
    const [zone] = area.zones;
    const files = area.filesOf(zone);
    const title = files.length === 1 ? value("title") : "";
    files.forEach((file) => arrivals.add(file, wishesFor(file, kindOf(zone), words.project, title)));
    area.clear(zone);
    form.elements.title.value = "";
    if (form.elements.consent) form.elements.consent.checked = false; // the next person is asked about anew
    form.querySelector("[data-form-errors]").replaceChildren();
    arrivals.section.scrollIntoView({ block: "nearest" });
  };

  if (inLibrary) {
    form.addEventListener("chosen", () => {
      const several = area.filesOf(area.zones[0]).length > 1;
      form.elements.title.closest(".field").hidden = several; // several keep their files' names
      button.textContent = several ? button.dataset.several : button.dataset.one;
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (isComplete()) sendToLibrary();
    });
    return;
  }

  // --- quick render -------------------------------------------------------------------------------------------------
  const travel = form.querySelector("[data-travel]");
  const bar = travel.querySelector("progress");
  const line = travel.querySelector("[data-line]");
  const stop = travel.querySelector("[data-stop]");
  const known = new Map(); // what was begun or has arrived, so that nothing is sent twice: key to {url, id}
  let journey = null;

  const rest = () => {
    journey?.forEach((each) => {
      if (!["done", "failed"].includes(each.sending.state)) each.sending.stop();
    });
    journey = null;
    travel.hidden = true;
    button.removeAttribute("aria-disabled");
  };

  const tell = (html) => {
    const place = form.querySelector("[data-form-errors]");
    place.replaceChildren(html);
    place.scrollIntoView({ block: "center" });
    place.focus();
  };

  const tellSentence = (sentence, label) => {
    const note = document.createElement("div");
    note.className = "note bad";
    const text = document.createElement("p");
    if (label) {
      const strong = document.createElement("strong");
      strong.textContent = `${label}: `;
      text.append(strong);
    }
    text.append(sentence);
    note.append(text);
    tell(note);
  };

  const projectOf = () => {
    const picked = area.zones.map((zone) => zone.querySelector('input[type="radio"]:checked')?.dataset.project);
    return picked.find(Boolean) || value("project");
  };

  const progress = () => {
    const parts = journey.map((each) => ({ ...each.facts, state: each.sending.state, size: each.sending.size }));
    const size = parts.reduce((sum, part) => sum + part.size, 0);
    const sent = parts.reduce((sum, part) => sum + part.sent, 0);
    const states = parts.map((part) => part.state);
    if (states.includes("lost")) {
      line.textContent = words.lost.replace("%s", partOf(sent, size));
    } else if (states.every((state) => state === "checking" || state === "done")) {
      bar.removeAttribute("value");
      line.textContent = words.checking;
      return;
    } else {
      const speed = parts.reduce((sum, part) => sum + (part.state === "sending" ? part.speed || 0 : 0), 0);
      line.textContent = pace(sent, size, { speed, left: speed ? (size - sent) / speed : 0 });
    }
    bar.value = sent / size;
  };

  const submit = async (ids) => {
    const data = new FormData(form);
    Object.entries(ids).forEach(([kind, id]) => {
      data.delete(`${kind}_file`);
      data.set(kind, id);
    });
    try {
      const answer = await fetch(form.action, { method: "POST", body: data });
      const text = await answer.text();
      rest();
      if (answer.ok) window.location.assign(answer.url);
      else answered(text);
    } catch {
      rest();
      tellSentence(words.offline);
    }
  };

  const answered = (text) => {
    const page = new DOMParser().parseFromString(text, "text/html");
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

  const listen = (each, state, facts) => {
    if (!journey) return;
    const all = state === "checking" || state === "done";
    each.facts = { sent: facts.sent ?? (all ? each.sending.size : each.facts.sent), speed: facts.speed };
    if (each.sending.url) known.set(each.key, { url: each.sending.url });
    if (state === "failed") {
      if (!each.sending.url) known.delete(each.key);
      rest();
      tellSentence(sentenceFor(facts), each.label);
      return;
    }
    if (state === "done") known.set(each.key, { id: facts[each.kind] });
    progress();
    if (journey.every((other) => other.sending.state === "done")) submit(idsFor());
  };

  const keyOf = (kind, file, project) => `${project}|${kind}|${Sending.nameOf(file)}`;
  const idsFor = () => {
    const ids = {};
    area.zones.forEach((zone) => {
      const [file] = area.filesOf(zone);
      if (file) ids[kindOf(zone)] = known.get(keyOf(kindOf(zone), file, projectOf()))?.id;
    });
    return ids;
  };

  const begun = (kind, file, key) => {
    const row = arrivals.unfinished(kind, file);
    return known.get(key)?.url || (row?.item.dataset.project === projectOf() ? row.url : null);
  };

  const sendAndSubmit = () => {
    form.querySelector("[data-form-errors]").replaceChildren();
    const project = projectOf();
    journey = [];
    area.zones.forEach((zone) => {
      const [file] = area.filesOf(zone);
      const kind = kindOf(zone);
      const key = file && keyOf(kind, file, project);
      if (!file || known.get(key)?.id) return;
      const each = { kind, key, label: zone.dataset.label, facts: { sent: 0 } };
      each.sending = new Sending({
        endpoint: words.endpoint,
        file,
        wishes: wishesFor(file, kind, project, ""),
        url: begun(kind, file, key),
        tell: (state, facts) => listen(each, state, facts),
      });
      journey.push(each);
    });
    bar.value = 0;
    line.textContent = words.sending;
    travel.hidden = false;
    button.setAttribute("aria-disabled", "true");
    if (journey.length) [...journey].forEach((each) => each.sending.start());
    else submit(idsFor());
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!journey && isComplete()) sendAndSubmit();
  });

  stop.addEventListener("click", () => {
    rest();
    button.focus();
  });
})();
