// Nodes of the page. What is shown came out of a sandbox: it goes in as text, never as markup.

/** A node with these attributes and children; a child that is a string is text. */
function node(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children.flat(Infinity).filter((child) => child != null));
  return made;
}

// They change the order in which text is read, so that code could look like other code.
const REORDERING = /([\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069])/;

/** `text` as children of a node, with characters that reorder it made visible. */
function plain(text) {
  return String(text).split(REORDERING).map((piece, index) =>
    index % 2 ? node("span", { class: "control" }, codePoint(piece)) : piece);
}

/** The same for an attribute. */
const plainText = (text) => String(text).replace(new RegExp(REORDERING, "g"), codePoint);

const codePoint = (character) =>
  `U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;

/** A heading that shows and hides what is under it. */
function folded(title, open, ...children) {
  return node("details", { open, toggle: letKeysScroll }, node("summary", {}, title), children);
}

function seconds(value) {
  if (!(value >= 0)) return null;
  if (value < 0.1) return `${(value * 1000).toFixed(1)} ms`;
  return value < 120 ? `${value.toPrecision(3)} s` : `${(value / 60).toFixed(1)} min`;
}

function bytes(value) {
  if (!(value >= 0)) return null;
  if (value < 1000) return `${value} B`;
  const power = Math.min(3, Math.floor(Math.log10(value) / 3));
  return `${(value / 1000 ** power).toPrecision(3)} ${["", "kB", "MB", "GB"][power]}`;
}
