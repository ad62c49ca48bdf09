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

  // Asked was the person of that video: with another one the box is to be ticked anew.
  const file = form.querySelector('[data-zone="video"] input[type="file"]');
  const chosen = () => {
    const [{ name, size, lastModified } = {}] = file.files;
    return form.querySelector('input[name="clip"]:checked')?.value || (name ? `${name}|${size}|${lastModified}` : "");
  };
  let before = chosen();
  form.addEventListener("chosen", () => {
    const now = chosen();
    if (before && now !== before) box.checked = false;
    before = now;
  });

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
