// What run_tests and validate_code answer: their structured content as lists.

const SIGNS = { passed: "✓", failed: "✗", error: "!", skipped: "–", not_run: "·" };

/** The tests, those that did not pass first. */
function testReport(run) {
  const rank = { failed: 0, error: 0, not_run: 1, skipped: 2, passed: 3 };
  const tests = run.tests.toSorted((a, b) => (rank[a.outcome] ?? 0) - (rank[b.outcome] ?? 0));
  return [
    run.error ? node("pre", { class: "output stderr" }, plain(run.error)) : null,
    heading("Tests"),
    tests.length ? node("ul", { class: "tests" }, tests.map(testItem)) : null,
    (run.coverage ?? []).map(coverage),
    (run.notes ?? []).map(note),
  ];
}

function testItem(test) {
  const title = [
    node("span", { class: "sign" }, SIGNS[test.outcome] ?? "?"), plain(test.id),
    node("small", {}, [test.outcome.replace("_", " "), seconds(test.seconds)].filter(Boolean).join(", ")),
  ];
  const facts = ["expected", "actual", "message", "stdout"].filter((fact) => test[fact]);
  const details = facts.map((fact) =>
    node("div", { class: "fact" }, node("small", {}, fact),
      node("pre", { class: "output", "data-name": fact }, plain(test[fact]))));
  const bad = test.outcome === "failed" || test.outcome === "error";
  return node("li", { class: `test ${test.outcome}` },
    details.length ? folded(title, bad, details) : node("div", { class: "title" }, title));
}

function coverage({ file, lines, missing }) {
  const part = lines ? Math.round((100 * (lines - missing.length)) / lines) : 100;
  return node("p", { class: "note" }, plain(`Coverage of ${file}: ${part} %`),
    missing.length ? plain(`, not run: line ${missing.slice(0, 100).join(", ")}`) : null);
}

/** Findings of a check, each with its line. */
function checkReport(check) {
  const items = [
    ...(check.errors ?? []).map((found) => finding("error", found.line, found.message, found.fix)),
    ...(check.warnings ?? []).map((found) => finding("warning", found.line, found.message, found.fix)),
    ...(check.missing ?? []).map((found) => finding("missing", found.line, `${found.module} is not installed`)),
    ...(check.risks ?? []).map((found) => finding("risk", found.line, found.reason)),
  ];
  return [
    heading("Findings"),
    items.length ? node("ul", { class: "findings" }, items) : null,
    (check.notes ?? []).map(note),
  ];
}

function finding(kind, line, message, fix) {
  return node("li", { class: kind }, node("strong", { class: "kind" }, kind), line ? node("small", {}, `line ${line}`) : null, " ", plain(message),
    fix ? node("div", { class: "fix" }, plain(fix)) : null);
}

/** From the number of each line that a check found wrong to the reason. */
function checkMarks(check) {
  return new Map((check.errors ?? []).filter((found) => found.line).map((found) => [found.line, found.message]));
}

const note = (text) => node("p", { class: "note" }, plain(text));
