// A table that a click on a column sorts: up, down, and as it came.

const SHOWN_ROWS = 1000;
const MAX_DECIMALS = 6;

function sortableTable({ columns = [], rows = [], total_rows: total, uri }) {
  const body = node("tbody");
  const heads = columns.map((column, index) =>
    node("th", { scope: "col", "aria-sort": "none" },
      node("button", { click: () => sort(index) }, plain(column.name || "#"),
        node("small", {}, plain(column.dtype ?? "")))));
  let sorted = { column: -1, order: "none" };

  function sort(column) {
    const next = { none: "ascending", ascending: "descending", descending: "none" };
    const order = column === sorted.column ? next[sorted.order] : "ascending";
    sorted = { column, order };
    heads.forEach((head, index) => head.setAttribute("aria-sort", index === column ? order : "none"));
    const direction = order === "descending" ? -1 : 1;
    fill(order === "none" ? rows : rows.toSorted((a, b) => compared(a[column], b[column], direction)));
  }

  const decimals = columns.map((column, index) => decimalsOf(column, rows.map((row) => row[index])));

  function fill(ordered) {
    body.replaceChildren(...ordered.slice(0, SHOWN_ROWS).map((row) =>
      node("tr", {}, columns.map((column, index) => cell(row[index], !column.name && !index, decimals[index])))));
  }

  fill(rows);
  const shown = Math.min(rows.length, SHOWN_ROWS);
  const note = total > shown ? `${shown.toLocaleString()} of ${total.toLocaleString()} rows` : `${shown.toLocaleString()} rows`;
  return node("figure", { class: "table" },
    node("div", { class: "scroll", "data-name": "Table" },
      node("table", {}, node("thead", {}, node("tr", {}, heads)), body)),
    node("figcaption", {}, note,
      uri ? downloadButton({ uri, name: "table.csv", label: "Whole table as CSV" }) : null));
}

/** How many decimals all numbers of a column have, so that their points stand below each other. */
function decimalsOf({ dtype = "" }, values) {
  const numbers = values.filter((value) => typeof value === "number" && value !== 0);
  if (!/^float/i.test(dtype) || numbers.some((value) => Math.abs(value) >= 1e15 || Math.abs(value) < 1e-6)) return null;
  const own = numbers.map((value) => (String(value).split(".")[1] ?? "").length);
  return Math.min(MAX_DECIMALS, Math.max(1, ...own));
}

function cell(value, heading, decimals = null) {
  if (value === null || value === undefined) return node("td", { class: "none" }, "none");
  const kind = typeof value === "number" ? "numeric" : typeof value === "boolean" ? "word" : null;
  if (kind === "numeric" && decimals !== null) {
    const text = value.toFixed(decimals);
    return node("td", { class: kind, title: Number(text) === value ? null : value }, text);
  }
  return node("td", { class: heading ? "none" : kind }, plain(typeof value === "object" ? JSON.stringify(value) : value));
}

/** Order of two cells: numbers by value, text by the reader's language, what is missing last. */
function compared(a, b, direction) {
  const missing = (value) => value === null || value === undefined || Number.isNaN(value);
  if (missing(a) || missing(b)) return missing(a) - missing(b);
  if (typeof a === "number" && typeof b === "number") return direction * (a - b);
  return direction * String(a).localeCompare(String(b), undefined, { numeric: true });
}
