// A double click presses a button once: sent twice, a form makes two of what was meant once, or says of a link that it was used.
(() => {
  "use strict";

  document.addEventListener(
    "click",
    (event) => {
      if (event.detail < 2 || !event.target.closest('button[type="submit"]')) return;
      event.preventDefault();
      event.stopPropagation();
    },
    true,
  );
})();
