// Code as a notebook shows it: numbered lines, words coloured, the line that failed marked.

const COLOURED_CHARACTERS = 100_000; // longer code stays plain
const MAX_LINES = 5_000;
const FOLDED_LINES = 15; // of longer code

const PYTHON = new RegExp(
  [
    /(?<comment>#.*)/,
    /(?<string>\b[rbfu]{0,2}(?:"""[^]*?(?:"""|$)|'''[^]*?(?:'''|$))|[rbfuRBFU]{0,2}(?:"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?))/,
    /\b(?<word>False|None|True|and|as|assert|async|await|break|case|class|continue|def|del|elif|else|except|finally|for|from|global|if|import|in|is|lambda|match|nonlocal|not|or|pass|raise|return|try|while|with|yield)\b/,
    /\b(?<number>\d[\w.]*)/,
    /[^\W\d]\w*/, // any other name, so that no part of it is taken for something else
  ].map((part) => part.source).join("|"), "g");

const BASH = new RegExp(
  [
    /(?<=^|[\s;(])(?<comment>#.*)/,
    /(?<string>"(?:\\[^]|[^"\\])*"?|'[^']*'?)/,
    /\b(?<word>case|do|done|elif|else|esac|export|fi|for|function|if|in|local|return|then|until|while)\b/,
    /(?<number>\$(?:\w+|[@*#?$!-]|\{[^}\n]*\}?))/, // a variable, in the colour of numbers
    /[\w-]+/,
  ].map((part) => part.source).join("|"), "gm");

/** `code` as a block; `marks` is from the number of a line to what is wrong there. */
function source(given, language, marks = new Map(), name = "Code") {
  const lines = given.replace(/\n$/, "").split("\n");
  const code = lines.slice(0, MAX_LINES).join("\n");
  const block = node("pre", { class: "source", "data-language": language, "data-name": name, "data-code": given });
  let line = newLine(block, marks, 1);
  for (const [kind, text] of tokens(code, language === "bash" ? BASH : PYTHON)) {
    text.split("\n").forEach((piece, index) => {
      if (index) line = newLine(block, marks, block.children.length + 1);
      if (piece) line.append(kind ? node("span", { class: kind }, plain(piece)) : node("span", {}, plain(piece)));
    });
  }
  if (lines.length > MAX_LINES) {
    block.append(node("p", { class: "faint" }, `${lines.length - MAX_LINES} more lines`));
  }
  return foldable(block, lines.length, name);
}

function newLine(block, marks, number) {
  const line = node("code", { class: marks.has(number) ? "line marked" : "line", "data-line": number });
  if (marks.get(number)) line.title = marks.get(number);
  block.append(line);
  return line;
}

function* tokens(code, grammar) {
  let end = 0;
  if (code.length <= COLOURED_CHARACTERS) {
    for (const match of code.matchAll(grammar)) {
      if (match.index > end) yield [null, code.slice(end, match.index)];
      yield [Object.keys(match.groups).find((kind) => match.groups[kind] !== undefined) ?? null, match[0]];
      end = match.index + match[0].length;
    }
  }
  yield [null, code.slice(end)];
}
