// Sends one file by the tus protocol, however often the network breaks, and tells how it stands. Knows nothing of pages.
// States: waiting, sending, lost (tries again by itself), paused, checking, done, failed.
(() => {
  "use strict";

  const PIECE_BYTES = 32 * 2 ** 20;
  const AT_ONCE = 2;
  const SILENT_MS = 40_000; // a connection on which nothing moves for so long is taken for broken; asking anew costs nothing
  const MEASURED_MS = 8_000; // over which the speed is measured
  const TOLD_MS = 200;
  const ASK_MS = 1_000;
  const DELAYS = [500, 1000, 2000, 4000, 8000, ...Array(240).fill(15_000)];

  const SIGNED_OUT = ["not_authenticated", "authentication_failed", "permission_denied"]; // the last: another's CSRF token
  const UNDER_WAY = ["waiting", "sending", "lost", "checking"];

  const queue = [];
  const running = new Set();
  const underWay = new Set(); // while there are some, leaving the page asks first
  const stay = (event) => event.preventDefault();

  const goOn = () => {
    while (running.size < AT_ONCE && queue.length) {
      const next = queue.shift();
      running.add(next);
      next.run();
    }
  };

  // As it is now: signing in again, in another tab, makes a new one.
  const csrfToken = () => /(?:^|; )csrftoken=([^;]+)/.exec(document.cookie)?.[1] || "";

  const answerOf = (text) => {
    try {
      return JSON.parse(text) || {};
    } catch {
      return {};
    }
  };

  // crypto.randomUUID is not there on plain HTTP.
  const randomName = () => Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join("-");

  const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

  class Sending {
    // wishes: what is said of the file; url: where an earlier part of it is; tell(state, facts) is called on every change
    constructor({ endpoint, file, size, wishes, url, tell }) {
      Object.assign(this, { endpoint, file, wishes, tell, size: file ? file.size : size, url: url || null });
      Object.assign(this, { state: "", sent: 0, samples: [] });
    }

    start() {
      this.change("waiting");
      queue.push(this);
      goOn();
    }

    pause() {
      this.stop();
      this.change("paused", { sent: this.sent });
    }

    // Ends it here and on the server. Resolves to a sentence when the server will not.
    async cancel() {
      this.stop();
      return this.url ? this.remove() : "";
    }

    async remove() {
      try {
        const answer = await fetch(this.url, { method: "DELETE", headers: this.headers() });
        if (answer.ok || answer.status === 404 || answer.status === 410) return "";
        return answerOf(await answer.text()).message || "";
      } catch {
        return ""; // no network: it expires by itself
      }
    }

    run() {
      this.samples = [];
      this.moved = performance.now();
      this.watch = setInterval(() => this.look(), 5_000);
      this.key ||= randomName();
      this.upload = new tus.Upload(this.file, {
        endpoint: this.endpoint,
        uploadUrl: this.url,
        chunkSize: PIECE_BYTES,
        retryDelays: DELAYS,
        storeFingerprintForResuming: false, // the server keeps the list of what is unfinished
        onBeforeRequest: (request) => {
          request.setHeader("X-CSRFToken", csrfToken());
          // Should the answer to the announcement be lost, the next one finds the same upload.
          if (request.getMethod() === "POST") request.setHeader("Idempotency-Key", this.key);
        },
        metadata: this.wishes,
        onUploadUrlAvailable: () => (this.url = this.upload.url),
        onShouldRetry: (error) => this.isWorthTrying(error),
        onProgress: (sent, size) => this.progress(sent, size),
        onError: (error) => this.fail(error),
        onSuccess: () => {
          this.leave();
          this.settle();
        },
      });
      this.change("sending", { sent: this.sent });
      this.upload.start();
    }

    // What is sent from now on is another upload.
    forget() {
      this.url = this.key = null;
    }

    leave() {
      clearInterval(this.watch);
      running.delete(this);
      goOn();
    }

    stop() {
      if (queue.includes(this)) queue.splice(queue.indexOf(this), 1);
      this.upload?.abort();
      this.leave();
      this.count(false);
    }

    count(isUnderWay) {
      if (isUnderWay) underWay.add(this);
      else underWay.delete(this);
      if (underWay.size) window.addEventListener("beforeunload", stay);
      else window.removeEventListener("beforeunload", stay);
    }

    again() {
      this.moved = performance.now();
      this.upload.abort().then(() => running.has(this) && this.upload.start());
    }

    look() {
      if (!["sending", "checking"].includes(this.state) || performance.now() - this.moved < SILENT_MS) return;
      if (this.state === "sending") this.change("lost", { sent: this.sent });
      this.again();
    }

    isWorthTrying(error) {
      const answer = error.originalResponse;
      const status = answer ? answer.getStatus() : 0;
      const coded = status >= 500 && answerOf(answer.getBody()).code;
      const worth = status === 0 || status === 409 || status === 423 || (status >= 500 && !coded);
      if (worth) this.change("lost", { sent: this.sent });
      return worth;
    }

    progress(sent, size) {
      const now = performance.now();
      this.moved = now;
      this.sent = sent;
      this.samples = this.samples.filter((sample) => now - sample.now < MEASURED_MS && sample.sent <= sent);
      this.samples.push({ now, sent });
      if (sent === size) {
        this.change("checking");
        return;
      }
      if (this.state === "sending" && now - this.told < TOLD_MS) return;
      this.told = now;
      const first = this.samples[0];
      const speed = now - first.now > 1000 ? ((sent - first.sent) / (now - first.now)) * 1000 : 0;
      this.change("sending", { sent, speed, left: speed ? (size - sent) / speed : 0 });
    }

    fail(error) {
      this.leave();
      const answer = error.originalResponse;
      const status = answer ? answer.getStatus() : 0;
      if (status === 422 || status === 413) this.forget(); // refused: nothing of it is there any more
      const { code, message } = answer ? answerOf(answer.getBody()) : {};
      const known = status === 401 || SIGNED_OUT.includes(code) ? "signed-out" : "";
      this.change("failed", { known, sentence: message });
    }

    // The bytes have arrived. Waits until the server has looked at them; asks once more where that broke off.
    async settle() {
      this.change("checking");
      let asked = false;
      for (;;) {
        const told = await this.ask("GET");
        if (told === null) {
          this.change("lost", { sent: this.size });
          await pause(2 * ASK_MS);
        } else if (told.state === "done") {
          this.change("done", { clip: told.clip, track: told.track });
          return;
        } else if (told.state === "finishing") {
          this.change("checking");
          await pause(ASK_MS);
        } else if (told.state === "receiving" && !asked) {
          asked = true;
          await this.ask("PATCH");
        } else {
          if (told.state !== "receiving") this.forget();
          this.change("failed", { sentence: told.error?.message || told.message });
          return;
        }
      }
    }

    async ask(method) {
      const piece = { "Content-Type": "application/offset+octet-stream", "Upload-Offset": String(this.size) };
      try {
        const headers = { ...this.headers(), ...(method === "PATCH" ? piece : {}) };
        const answer = await fetch(this.url, { method, headers });
        return answer.status >= 500 && method === "GET" ? null : answerOf(await answer.text());
      } catch {
        return null;
      }
    }

    headers() {
      return { "X-CSRFToken": csrfToken(), "Tus-Resumable": "1.0.0" };
    }

    change(state, facts = {}) {
      this.state = state;
      this.count(UNDER_WAY.includes(state));
      this.tell(state, facts);
    }
  }

  window.addEventListener("online", () => {
    running.forEach((sending) => sending.state === "lost" && sending.again());
  });

  Sending.nameOf = (file) => `${file.name}|${file.size}|${file.lastModified}`;
  window.Sending = Sending;
})();
