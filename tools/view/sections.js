// A result, cut into what it is made of. Its text is for a model: the program's words and ours stand
// in one. A server that knows of this view says which lines are what; else they are told apart by
// their form, and a program can print what looks like ours.

/** Sections in order: `{kind, text}`, and `{kind: "image", block}`. */
function sections(blocks, layout, record) {
  const told = Array.isArray(layout) ? byLayout(blocks, layout) : null;
  return (told ?? byForm(blocks, record)).filter(
    ({ kind, text }) => kind !== "heading" && text !== `session_id: ${record.session_id}`);
}

function byLayout(blocks, layout) {
  const shown = blocks.filter((block) => block.type === "text" || block.type === "image");
  const cut = [];
  let lines = []; // left of a block of text
  for (const [kind, count, written] of layout) {
    if (!lines.length) {
      const block = shown.shift();
      if (kind === "image" && block?.type === "image") {
        cut.push({ kind, block });
        continue;
      }
      if (block?.type !== "text") return null;
      lines = block.text.split("\n");
    }
    if (kind === "image" || count > lines.length) return null;
    const text = lines.splice(0, count).join("\n");
    cut.push({ kind, text: typeof written === "string" ? written : text });
  }
  return lines.length || shown.length ? null : cut;
}

function byForm(blocks, record) {
  const lines = blocks.filter(({ type }) => type === "text").map(({ text }) => text).join("\n").split("\n");
  const last = lines.lastIndexOf(`session_id: ${record.session_id}`);
  if (last >= 0) lines.splice(last, 1);
  const notes = trailingNotes(lines);
  const cut = { failure: [], stdout: [], stderr: [] };
  let kind = (record.status ?? "ok") === "ok" ? "stdout" : "failure";
  for (const line of lines) {
    if (kind === "failure" && line === "stdout:") kind = "stdout";
    else if (kind !== "stderr" && line === "stderr:") kind = "stderr";
    else cut[kind].push(line);
  }
  return [
    ...Object.entries(cut).filter(([, found]) => found.length)
      .map(([kind, found]) => ({ kind, text: found.join("\n") })),
    { kind: "displays" },
    ...blocks.filter(({ type }) => type === "image").map((block) => ({ kind: "image", block })),
    ...notes.map((text) => ({ kind: "note", text })),
  ];
}

/** Take our notes and the hint off the end of `lines`. */
function trailingNotes(lines) {
  const notes = [];
  while (/^(Note|Hint|Files): /.test(lines.at(-1) ?? "")) notes.unshift(lines.pop());
  return notes;
}
