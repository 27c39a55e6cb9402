// Output as a terminal shows it: colours, and lines that are written over, as progress bars do.

const MAX_RUNS = 2000; // in one line; past that, writing over a line starts it anew
const SEQUENCE =
  // Colours and other control sequences; titles and links; short ones; the rest is text.
  /\x1b\[([\d;:]*)[ -/]*([@-~])|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b.?|([\n\r\b])|([^\x1b\n\r\b]+)/gs;

const NAMES = { stderr: "Error output", failure: "What happened", value: "Value", live: "Output so far" };

/** `output` as a block. */
function terminal(output, kind) {
  const block = node("pre", { class: `output ${kind}`, "data-name": NAMES[kind] ?? "Output" });
  let runs = []; // of the line: text and its style
  let column = 0;
  let style = {};
  for (const [, codes, final, control, text] of output.matchAll(SEQUENCE)) {
    if (final === "m") style = restyled(style, codes);
    else if (control === "\n") {
      block.append(...runs.map(styled), "\n");
      runs = [];
      column = 0;
    } else if (control === "\r") column = 0;
    else if (control === "\b") column = Math.max(0, column - 1);
    else if (text) {
      runs = written(runs, column, { text, style });
      column += text.length;
    }
  }
  block.append(...runs.map(styled));
  return block;
}

function written(runs, column, run) {
  const width = runs.width ?? 0;
  if (column === width) runs.push(run);
  else if (runs.length > MAX_RUNS) runs = [run];
  else {
    runs = [...cut(runs, 0, column), run, ...cut(runs, column + run.text.length, width)];
  }
  runs.width = Math.max(width, column + run.text.length);
  return runs;
}

/** What of `runs` lies from one column up to another. */
function cut(runs, from, to) {
  const kept = [];
  let start = 0;
  for (const { text, style } of runs) {
    const part = text.slice(Math.max(0, from - start), Math.max(0, to - start));
    if (part) kept.push({ text: part, style });
    start += text.length;
  }
  return kept;
}

/** `style` after the codes of one sequence, such as 1;31 or 38;5;208. */
function restyled(style, codes) {
  const next = { ...style };
  const numbers = codes.split(/[;:]/).map(Number);
  for (let at = 0; at < numbers.length; at++) {
    const code = numbers[at];
    if (code === 0) Object.keys(next).forEach((key) => delete next[key]);
    else if (code === 1) next.bold = true;
    else if (code === 2) next.dim = true;
    else if (code === 3) next.italic = true;
    else if (code === 4) next.underline = true;
    else if (code === 7) next.inverse = true;
    else if (code === 22) next.bold = next.dim = false;
    else if (code === 23) next.italic = false;
    else if (code === 24) next.underline = false;
    else if (code === 27) next.inverse = false;
    else if (code === 38 || code === 48) {
      next[code === 38 ? "ink" : "ground"] = extended(numbers.slice(at + 1, at + 5));
      at += numbers[at + 1] === 5 ? 2 : 4;
    } else if (code === 39) delete next.ink;
    else if (code === 49) delete next.ground;
    else if (code >= 30 && code <= 37) next.ink = code - 30;
    else if (code >= 40 && code <= 47) next.ground = code - 40;
    else if (code >= 90 && code <= 97) next.ink = code - 82;
    else if (code >= 100 && code <= 107) next.ground = code - 92;
  }
  return next;
}

/** One of 256 colours, or red, green and blue: the first 16 are the theme's, by number. */
function extended([form, first, ...rest]) {
  if (form === 2) return `rgb(${[first, ...rest.slice(0, 2)].map((part) => part & 255).join()})`;
  if (!(first < 256)) return undefined;
  if (first < 16) return first;
  if (first >= 232) return `rgb(${Array(3).fill((first - 232) * 10 + 8).join()})`;
  const level = (step) => (step ? step * 40 + 55 : 0);
  const index = first - 16;
  return `rgb(${[index / 36, (index / 6) % 6, index % 6].map((part) => level(Math.floor(part))).join()})`;
}

function styled({ text, style }) {
  const classes = ["bold", "dim", "italic", "underline", "inverse"].filter((key) => style[key]);
  for (const key of ["ink", "ground"]) {
    if (typeof style[key] === "number") classes.push(`${key}${style[key]}`);
  }
  if (!Object.keys(style).length) return node("span", {}, plain(text));
  const run = node("span", { class: classes.join(" ") }, plain(text));
  if (typeof style.ground === "string") run.style.backgroundColor = style.ground;
  if (typeof style.ink === "string") run.style.color = readable(style.ink, style.ground);
  else if (typeof style.ground === "string") run.style.color = readable("rgb(128,128,128)", style.ground);
  return run;
}
