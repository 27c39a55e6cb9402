// The text of a result, cut into what it is made of. It is the model's: the program's output and
// our words stand in one text, so what the record says for certain is taken from the record.

/** Sections of the text blocks, each with its kind: failure, stdout, stderr, note. */
function sections(text, record) {
  const lines = text.split("\n");
  const end = `session_id: ${record.session_id}`;
  const last = lines.lastIndexOf(end);
  if (last >= 0) lines.splice(last, 1);
  const notes = trailingNotes(lines);
  const cut = { failure: [], stdout: [], stderr: [] };
  const failed = record.status && record.status !== "ok";
  let kind = failed ? "failure" : "stdout";
  for (const line of lines) {
    if (kind === "failure" && line === "stdout:") kind = "stdout";
    else if (kind !== "stderr" && line === "stderr:") kind = "stderr";
    else cut[kind].push(line);
  }
  return { failure: cut.failure.join("\n"), stdout: cut.stdout.join("\n"), stderr: cut.stderr.join("\n"), notes };
}

/** Take our notes and the hint off the end of `lines`. */
function trailingNotes(lines) {
  const notes = [];
  while (/^(Note|Hint|Files): /.test(lines.at(-1) ?? "")) notes.unshift(lines.pop());
  return notes;
}
