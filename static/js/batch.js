// The grid of a batch: a tick at the head of a row or a column sets the whole of it, and shows how much of it is set.
(() => {
  "use strict";

  const grid = document.querySelector("[data-grid]");
  if (!grid) return;

  const rows = [...grid.tBodies[0].rows];
  const ticks = rows.map((row) => [...row.querySelectorAll('input[name="cell"]')]);
  const all = grid.querySelector("[data-all]");
  const columnHeads = [...grid.querySelectorAll("[data-column]")];
  const rowHeads = rows.map((row) => row.querySelector("[data-row]"));

  const summarise = (head, cells) => {
    const set = cells.filter((cell) => cell.checked).length;
    head.checked = set === cells.length;
    head.indeterminate = set > 0 && set < cells.length;
  };

  const column = (index) => ticks.map((row) => row[index]);

  const refresh = () => {
    rowHeads.forEach((head, index) => summarise(head, ticks[index]));
    columnHeads.forEach((head, index) => summarise(head, column(index)));
    summarise(all, ticks.flat());
  };

  grid.addEventListener("change", (event) => {
    const head = event.target;
    let cells = [];
    if (head === all) cells = ticks.flat();
    else if (rowHeads.includes(head)) cells = ticks[rowHeads.indexOf(head)];
    else if (columnHeads.includes(head)) cells = column(columnHeads.indexOf(head));
    cells.forEach((cell) => {
      cell.checked = head.checked;
    });
    refresh();
  });

  refresh();
})();
