// The table of scenarios: sorted by its heads, filtered by the form and by the cells of the heat table.
"use strict";
(function () {
  const table = document.getElementById("table");
  const form = document.getElementById("filters");
  const count = document.getElementById("count");
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);

  /** What a cell is sorted by: a number where there is one, else its text; empty cells come last. */
  function value(row, column) {
    const cell = row.cells[column];
    const text = cell.dataset.v !== undefined ? cell.dataset.v : cell.textContent.trim();
    if (text === "" || text === "–") return null;
    const number = Number(text);
    return Number.isNaN(number) ? text : number;
  }

  function compare(a, b) {
    if (typeof a === "number" && typeof b === "number") return a - b;
    return String(a).localeCompare(String(b), "en", { numeric: true });
  }

  function sort(column, descending) {
    const keyed = rows.map((row, index) => ({ row, index, v: value(row, column) }));
    keyed.sort((a, b) => {
      if (a.v === null || b.v === null) return (a.v === null) - (b.v === null) || a.index - b.index;
      return (descending ? compare(b.v, a.v) : compare(a.v, b.v)) || a.index - b.index;
    });
    keyed.forEach((k) => body.append(k.row));
  }

  const heads = Array.from(table.tHead.rows[0].cells);
  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const descending = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((h) => h.setAttribute("aria-sort", "none"));
      head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      sort(column, descending);
    });
  });

  function filter() {
    const text = form.text.value.trim().toLowerCase();
    const chosen = (name, row) => form[name].selectedIndex === 0 || row.dataset[name] === form[name].value;
    let shown = 0;
    for (const row of rows) {
      const id = row.cells[0].textContent.toLowerCase();
      row.hidden = !(id.includes(text) && chosen("family", row) && chosen("class", row) && chosen("state", row));
      shown += row.hidden ? 0 : 1;
    }
    count.textContent = shown === rows.length ? rows.length + " scenarios" : shown + " of " + rows.length + " scenarios";
  }

  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(filter));
  document.querySelectorAll(".heat button").forEach((cell) => {
    cell.addEventListener("click", () => {
      form.reset();
      // From 1 on: what has no family or class is not "all".
      const choose = (select, value) => {
        select.selectedIndex = Array.from(select.options).findIndex((option, i) => i > 0 && option.value === value);
      };
      choose(form.family, cell.dataset.family);
      choose(form.class, cell.dataset.class);
      filter();
      document.getElementById("scenarios").scrollIntoView();
    });
  });
  filter();
})();
