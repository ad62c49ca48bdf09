// Files on their way, one row each: name, progress, speed, time left, and what can be done about it.
(() => {
  "use strict";

  const { readableSize, clock } = window.told;
  const BUTTONS = {
    left: ["again", "cancel"],
    waiting: ["cancel"],
    sending: ["pause", "cancel"],
    lost: ["pause", "cancel"],
    paused: ["resume", "cancel"],
    checking: [],
    failed: ["retry", "cancel"],
    done: [],
  };

  const ICONS = { lost: "triangle-alert", paused: "pause", failed: "circle-x", done: "circle-check" };

  // How a file's sending is told, in the words of a form.
  window.progressWords = (words) => {
    const partOf = (sent, size) => words.of.replace("%1", readableSize(sent)).replace("%2", readableSize(size));

    const pace = (sent, size, { speed, left }) => {
      const parts = [partOf(sent, size)];
      if (speed) parts.push(words.rate.replace("%s", readableSize(speed)));
      if (left > 1) parts.push(words.left.replace("%s", clock(left)));
      return parts.join(" · ");
    };

    const sentenceFor = (facts) => (facts.known === "signed-out" ? words.signedOut : facts.sentence || words.failed);

    const lineFor = (state, size, facts) => {
      const part = partOf(facts.sent || 0, size);
      if (state === "sending") return pace(facts.sent || 0, size, facts);
      if (state === "lost" || state === "paused") return words[state].replace("%s", part);
      return state === "failed" ? sentenceFor(facts) : words[state];
    };

    return { partOf, pace, sentenceFor, lineFor };
  };

  class Row {
    constructor(item, list, { file, wishes } = {}) {
      this.item = item;
      this.list = list;
      this.file = file || null;
      this.wishes = wishes || {};
      this.size = file ? file.size : Number(item.dataset.size);
      this.fingerprint = file ? Sending.nameOf(file) : item.dataset.fingerprint;
      this.kind = wishes ? wishes.kind : item.dataset.kind;
      this.arrived = Number(item.dataset.arrived) || 0;
      this.url = item.dataset.url || null;
      this.state = "";
      this.part("cancel").addEventListener("click", () => this.cancel());
      this.part("pause").addEventListener("click", () => this.act("resume", () => this.sending.pause()));
      this.part("resume").addEventListener("click", () => this.act("pause", () => this.sending.start()));
      this.part("retry").addEventListener("click", () => this.act("cancel", () => this.retry()));
      this.part("file").addEventListener("change", (event) => this.choose(event.target));
      list.rows.push(this);
    }

    part(name) {
      return this.item.querySelector(`[data-${name}]`);
    }

    // Presses a button, and keeps the focus near where that button was.
    act(next, deed) {
      deed();
      const button = this.part(next);
      if (!button.hidden) button.focus();
    }

    wait() {
      this.show("left", null);
    }

    isFor(file) {
      return this.state === "left" && this.fingerprint === Sending.nameOf(file);
    }

    choose(input) {
      const file = input.files[0];
      input.value = "";
      if (!file) return;
      if (!this.isFor(file)) {
        this.line(this.list.words.other);
        this.item.classList.add("bad");
      } else {
        this.list.chosen(this, file);
      }
    }

    goOnWith(file) {
      this.file = file;
      this.start();
    }

    start() {
      this.sending = new Sending({
        endpoint: this.list.words.endpoint,
        file: this.file,
        wishes: this.wishes,
        url: this.url,
        tell: (state, facts) => this.told(state, facts),
      });
      this.sending.sent = this.arrived;
      this.sending.start();
    }

    // A file that lies whole on the server is only asked to be looked at again; nothing has to be chosen for that.
    settle() {
      this.sending = new Sending({ size: this.size, url: this.url, tell: (state, facts) => this.told(state, facts) });
      this.sending.settle();
    }

    retry() {
      if (this.file) this.sending.start();
      else this.settle();
    }

    async cancel() {
      if (!this.sending) this.sending = new Sending({ size: this.size, url: this.url, tell: () => {} });
      const refused = await this.sending.cancel();
      if (refused) {
        this.line(refused);
        return;
      }
      this.list.remove(this);
    }

    told(state, facts) {
      this.show(state, facts);
      if (state === "done") this.list.arrived();
    }

    show(state, facts) {
      const bar = this.part("progress-bar");
      if (facts) this.line(this.list.lineFor(state, this.size, facts));
      if (state === "checking") bar.removeAttribute("value");
      else if (state === "done") bar.value = 1;
      else if (facts?.sent !== undefined) bar.value = facts.sent / this.size;
      if (this.state === state) return;
      this.state = state;
      this.item.dataset.state = state;
      this.item.classList.toggle("bad", state === "failed");
      bar.hidden = state === "done" || state === "failed";
      ["again", "pause", "resume", "retry", "cancel"].forEach((name) => {
        this.part(name).hidden = !BUTTONS[state].includes(name);
      });
      const { words } = this.list;
      this.part("cancel").textContent = state === "left" || state === "failed" ? words.remove : words.cancel;
      const picture = this.item.querySelector("use");
      picture.setAttribute("href", picture.getAttribute("href").replace(/#.*/, `#${ICONS[state] || "upload"}`));
      if (facts && state !== "sending") this.list.say(this, this.part("line").textContent);
    }

    line(text) {
      this.part("line").textContent = text;
    }
  }

  // chosen(row, file): somebody gave the file of an unfinished row; arrived(): one more is in the library
  window.Arrivals = class Arrivals {
    constructor(section, words, { chosen, arrived }) {
      Object.assign(this, { section, words, chosen, arrived, rows: [], ...window.progressWords(words) });
      section.querySelectorAll("[data-arrival]").forEach((item) => this.continue(new Row(item, this)));
    }

    // What an earlier visit left. One that is whole needs no file any more.
    continue(row) {
      row.wait();
      if (row.arrived < row.size) return;
      if (row.item.dataset.failed !== undefined) row.show("failed", { sentence: row.part("line").textContent.trim() });
      else row.settle();
    }

    add(file, wishes) {
      const item = this.section.querySelector("template").content.firstElementChild.cloneNode(true);
      item.querySelector("[data-name]").textContent = file.name;
      this.section.querySelector("ul").append(item);
      this.section.hidden = false;
      new Row(item, this, { file, wishes }).start();
    }

    remove(row) {
      this.rows.splice(this.rows.indexOf(row), 1);
      row.item.remove();
      this.section.hidden = !this.rows.length;
      this.say(row, this.words.removed);
    }

    unfinished(kind, file) {
      return this.rows.find((row) => row.kind === kind && row.isFor(file));
    }

    say(row, text) {
      this.section.querySelector("[data-say]").textContent = `${row.part("name").textContent}: ${text}`;
    }
  };
})();
