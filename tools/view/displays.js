// What the code showed beside text: pictures, tables and rich text, by their MIME types.

const PICTURE = /^image\/(png|jpeg|gif|webp)$/;

/** A picture; `told` is the line about it that a model reads, "[figure: ...]". */
function picture({ data, mimeType }, told) {
  if (!PICTURE.test(mimeType) || !/^[\w+/=\s]*$/.test(data)) return null;
  const name = plainText(told?.replace(/^\[|\]$/g, "") || "picture");
  const image = node("img", { src: `data:${mimeType};base64,${data}`, alt: name });
  return figure(image, name, { name: `figure.${mimeType.split("/")[1]}`, mimeType, blob: data });
}

function display(shown) {
  if (shown.omitted) return null; // too large to have been sent: there is the text
  switch (shown.type) {
    case "application/vnd.bellglass.table+json": return sortableTable(shown);
    case "text/html": return markup(String(shown.text ?? ""));
    case "image/svg+xml": return vector(String(shown.text ?? ""));
    case "application/json": return tree(parsedJson(shown.text));
    case "text/markdown": return node("div", { class: "markdown" }, markdown(String(shown.text ?? "")));
    case "text/latex": return node("pre", { class: "latex" }, plain(shown.text ?? ""));
    default: return null;
  }
}

/** Headings, lists, code and paragraphs; within a line, only strong, emphasis and code. */
function markdown(text) {
  const blocks = text.split(/(^```[^]*?(?:^```\s*$|(?![^])))/m);
  return blocks.flatMap((block, index) => {
    if (index % 2) return node("pre", {}, plain(block.replace(/^```.*\n?|\n?```\s*$/g, "")));
    return block.split(/\n{2,}|\n(?=#|[-*] |\d+\. )|(?<=^#.*)\n/m).filter((part) => part.trim()).map((part) => {
      const [, hashes, heading] = /^(#{1,6}) +(.*)/.exec(part.trim()) ?? [];
      // Below the headings of the page.
      if (hashes) return node(`h${Math.min(6, hashes.length + 2)}`, {}, inline(heading));
      const [, item] = /^(?:[-*]|\d+\.) +([^]*)/.exec(part.trim()) ?? [];
      return item ? node("p", { class: "item" }, inline(item)) : node("p", {}, inline(part));
    });
  });
}

function inline(text) {
  const tags = { "**": "strong", "`": "code", "*": "em" };
  return text.split(/(\*\*[^*\n]+\*\*|`[^`\n]+`|\*[^*\s][^*\n]*\*)/).map((piece, index) => {
    if (index % 2 === 0) return plain(piece);
    const mark = piece.startsWith("**") ? "**" : piece[0];
    return node(tags[mark], {}, plain(piece.slice(mark.length, -mark.length)));
  });
}

function parsedJson(text) {
  try {
    return typeof text === "string" ? JSON.parse(text) : text;
  } catch {
    return text;
  }
}

/** A value of JSON that can be unfolded. */
function tree(value, depth = 0) {
  if (value === null || typeof value !== "object") return node("code", {}, plain(JSON.stringify(value)));
  const entries = Object.entries(value).slice(0, SHOWN_ROWS);
  const summary = Array.isArray(value) ? `[${value.length}]` : `{${entries.length}}`;
  if (depth > MAX_DEPTH) return node("code", {}, summary);
  return folded(summary, depth < 2, node("ul", { class: "tree" }, entries.map(([key, item]) =>
    node("li", {}, plain(`${key}: `), tree(item, depth + 1)))));
}
