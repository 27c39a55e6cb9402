// One call of a tool, from its arguments and its result. Every part of either may be missing.

const WORDS = {
  ok: "Done", error: "Failed", exit: "Exited", timeout: "Timed out", cancelled: "Cancelled",
  oom: "Out of memory", killed: "Killed", crashed: "Crashed", lost: "Sandbox lost",
};

function drawn({ call, result, progress, cancelled }) {
  const meta = result?._meta ?? {};
  const record = meta["bellglass/execution"] ?? {};
  const report = result?.structuredContent ?? {};
  return [
    headline({ result, record, report, cancelled }),
    given(call, record, report),
    result ? outcome(result, record, report, meta) : running(progress),
  ];
}

/** One line: how it ended, how long it took, what it used. */
function headline({ result, record, report, cancelled }) {
  const [kind, words] = verdict({ result, record, report, cancelled });
  const facts = [
    result || cancelled ? seconds(record.wall_seconds ?? report.seconds) : clock(),
    record.cpu_seconds >= 0.0005 ? `CPU ${seconds(record.cpu_seconds)}` : null,
    record.peak_memory_bytes ? bytes(record.peak_memory_bytes) : null,
    record.state === "lost" ? "variables lost" : record.state !== "restored" ? null : record.undone_calls ? "variables of an earlier call" : "variables as before",
  ].filter(Boolean);
  const wide = host.context.availableDisplayModes?.includes("fullscreen");
  return node("header", { class: kind },
    node("h1", { class: "verdict" }, words),
    node("span", { class: "facts" }, facts.join(" · ")),
    wide ? node("button", { class: "wide", "aria-label": "Full screen", title: "Full screen", click: changeMode }, "⤢") : null);
}

function verdict({ result, record, report, cancelled }) {
  if (cancelled) return ["bad", "Cancelled"];
  if (!result) return ["busy", "Running"];
  if (record.status === "exit") return ["bad", `Exit code ${record.exit_code}`];
  if (record.status) return [record.status === "ok" ? "good" : "bad", WORDS[record.status] ?? "Failed"];
  if (result.isError) return ["bad", "Not run"];
  if (Array.isArray(report.tests)) return [report.ok ? "good" : "bad", `${report.passed} of ${report.total} passed`];
  if (typeof report.valid === "boolean") return [report.valid ? "good" : "bad", validity(report)];
  return ["good", "Done"];
}

function validity(check) {
  const counts = ["warnings", "risks", "missing"].filter((kind) => check[kind]?.length).map((kind) => {
    const count = check[kind].length;
    return `${count} ${kind === "missing" ? "not installed" : count === 1 ? kind.slice(0, -1) : kind}`;
  });
  return [check.valid ? "Valid" : "Not valid", ...counts].join(", ");
}

/** The code, and tests, as they were sent. */
function given(call, record, report) {
  const blocks = [];
  const language = call.language ?? ("command" in call ? "bash" : "python");
  const code = call.code ?? call.command;
  if (code) blocks.push(heading("Code"), source(String(code), language, marks(record, report)));
  if (call.tests) blocks.push(folded("Tests", false, source(String(call.tests), "python", undefined, "Tests")));
  if (call.cases?.length) {
    blocks.push(folded(`${call.cases.length} cases`, false,
      source(call.cases.map((one) => JSON.stringify(one)).join("\n"), "json", undefined, "Cases")));
  }
  return blocks;
}

function marks(record, report) {
  if (record.error?.line) return new Map([[record.error.line, record.error.message]]);
  return typeof report.valid === "boolean" ? checkMarks(report) : undefined;
}

function running(progress) {
  return progress?.message ? terminal(String(progress.message), "live") : null;
}

function outcome(result, record, report, meta) {
  if (Array.isArray(report.tests)) return testReport(report);
  if (typeof report.valid === "boolean") return checkReport(report);
  const blocks = result.content ?? [];
  const displays = [...(meta["bellglass/displays"] ?? [])];
  const found = sections(blocks, meta["bellglass/layout"], record);
  const failure = found.filter(({ kind }) => kind === "failure").map(({ text }) => text).join("\n");
  return [
    heading("Result"),
    failed(failure, record),
    found.map(({ kind, text, block }, index) => {
      switch (kind) {
        case "failure": return null;
        case "display": return display(displays.shift() ?? {}) ?? terminal(text, "stdout");
        case "displays": return displays.map(display);
        case "picture": return found[index + 1]?.kind === "image" ? null : terminal(text, "stdout");
        case "image": return picture(block, found[index - 1]?.kind === "picture" ? found[index - 1].text : "");
        case "note": return toldElsewhere(text, record) ? null : note(text);
        default: return text ? copyable(terminal(text, kind), NAMES[kind] ?? "Output") : null;
      }
    }),
    fileList(blocks, record),
    network(record.network ?? []),
  ];
}

function failed(text, record) {
  if (record.error && record.status !== "exit") return exception(record.error);
  return text && text !== `Exited with code ${record.exit_code}` ? terminal(text, "failure") : null;
}

/** Whether the page has it in a form of its own. */
function toldElsewhere(line, record) {
  return line === record.error?.hint || (line.startsWith("Files: ") && record.changed);
}

function exception(error) {
  return node("section", { class: "exception" },
    node("p", { class: "message", "data-name": "Error" }, node("strong", {}, plain(error.name ?? "Error")),
      error.message ? [": ", plain(error.message)] : null,
      error.where || error.line ? node("small", {}, plain(error.where || `line ${error.line}`)) : null),
    Object.entries(error.values ?? {}).map(([name, value]) =>
      node("p", { class: "value" }, plain(`${name} = ${value}`))),
    error.hint ? node("p", { class: "hint" }, plain(error.hint)) : null,
    error.traceback?.trim()
      ? folded("Traceback", false, node("pre", { class: "output", "data-name": "Traceback" }, plain(error.traceback))) : null);
}

/** Files that the call changed, and those that hold what was cut. */
function fileList(blocks, record) {
  const files = new Map();
  for (const link of blocks.filter((block) => block.type === "resource_link")) {
    files.set(link.uri, { uri: link.uri, name: link.name, size: link.size });
  }
  for (const changed of record.changed ?? []) {
    files.set(changed.uri ?? changed.path,
      { uri: changed.uri, name: changed.path, size: changed.bytes, change: changed.change });
  }
  if (!files.size) return null;
  return [heading("Files"), node("ul", { class: "files" }, [...files.values()].map(({ uri, name, size, change }) =>
    node("li", {}, downloadButton({ uri, name: String(name) }),
      node("small", {}, [change, bytes(size)].filter(Boolean).join(", ")))))];
}

function network(requests) {
  if (!requests.length) return null;
  return folded(`Network: ${requests.length} connections`, false, node("ul", { class: "network" },
    requests.map(({ host: name, port, allowed, reason, bytes: size }) =>
      node("li", { class: allowed ? null : "error" }, plain(`${name}:${port}`),
        node("small", {}, allowed ? bytes(size) : plain(`refused: ${reason}`))))));
}
