// A list that is searched says so in the address, without what was left empty; of its rows all, or a stretch by shift and a click, are chosen.
// Without this script the form is sent by its button, and boxes are ticked one by one.
(() => {
  "use strict";

  document.addEventListener("htmx:configRequest", (event) => {
    if (!event.target.matches("[data-finder]")) return;
    const { parameters } = event.detail;
    [...Object.keys(parameters)].filter((name) => !parameters[name]).forEach((name) => delete parameters[name]);
    if (parameters.sort === event.target.elements.sort.options[0].value) delete parameters.sort;
  });

  const boxes = () => [...document.querySelectorAll("[data-choose]")];

  const tell = () => {
    const bar = document.querySelector("[data-selection]");
    if (!bar) return;
    const all = boxes();
    const count = all.filter((box) => box.checked).length;
    const whole = bar.querySelector("[data-select-all]");
    whole.checked = count > 0 && count === all.length;
    whole.indeterminate = count > 0 && count < all.length;
    whole.disabled = all.length === 0;
    bar.querySelector("[data-chosen-count]").textContent = count;
    bar.querySelectorAll("[data-needs-choice]").forEach((button) => {
      button.disabled = count === 0;
    });
  };

  let last = null;

  document.addEventListener("click", (event) => {
    const box = event.target.closest("[data-choose]");
    if (!box) return;
    const all = boxes();
    if (event.shiftKey && last?.isConnected) {
      const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((one, other) => one - other);
      all.slice(from, to + 1).forEach((each) => {
        each.checked = box.checked;
      });
    }
    last = box;
    tell();
  });

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-select-all]")) {
      boxes().forEach((box) => {
        box.checked = event.target.checked;
      });
    }
    tell();
  });

  tell();
  document.addEventListener("renewed", tell); // a list that was fetched anew
  document.addEventListener("htmx:load", tell);
  window.addEventListener("pageshow", tell); // who goes back finds the boxes as they were
})();
