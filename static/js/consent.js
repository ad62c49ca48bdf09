// A new video is sent only when the box about the filmed person's consent is ticked: said before the upload, not after it.
// A take of the library needs no box. Without this script the server says the same.
(() => {
  "use strict";

  const box = document.querySelector("[data-consent]");
  if (!box || box.required) return;

  const form = box.form;
  const needed = () =>
    !form.querySelector('input[name="clip"]:checked')?.value &&
    Boolean(form.querySelector('[data-zone="video"] [data-full]:not([hidden])'));

  box.addEventListener("change", () => box.setCustomValidity(""));

  // On the way down, before the script that sends the files hears of it.
  document.addEventListener(
    "submit",
    (event) => {
      if (event.target !== form || box.checked || !needed()) return;
      event.preventDefault();
      event.stopPropagation();
      box.setCustomValidity(box.dataset.consent);
      box.reportValidity();
      box.setCustomValidity("");
    },
    true,
  );
})();
