// What people do with a part of the page: copy it, unfold it, look at it closely, scroll it by keys.

const SCROLLERS = ".source, .output, .scroll, .markup, .markdown, .message, .latex";

/** A heading that a screen reader finds, where the eye needs none. */
const heading = (words) => node("h2", { class: "hidden" }, words);

/** Tell those who do not see the page. */
function announce(words) {
  const status = document.getElementById("status");
  if (status.textContent !== words) status.textContent = words;
}

function copyButton(text, what) {
  const button = node("button", { class: "tool", "aria-label": `Copy ${what}`, click: copy }, "Copy");
  async function copy() {
    const done = await copied(text);
    button.textContent = done ? "Copied" : "Not copied";
    announce(`${what} ${done ? "copied" : "not copied"}`);
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  }
  return button;
}

/** Copy `text`, also where the host lets a page use no clipboard but by a command. */
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = node("textarea", { class: "hidden", readonly: true }, text);
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

/** Output with a button that copies it, as a program wrote it but without colours. */
function copyable(block, what) {
  return node("div", { class: "copyable" }, block, copyButton(block.textContent, what));
}

const unfolded = new Set(); // what the reader has opened stays open when the page is drawn anew

/** A block of code; a long one shows a part of it until it is opened. */
function foldable(block, lines, name) {
  const parts = [block, copyButton(block.dataset.code, name)];
  if (lines > FOLDED_LINES) {
    const button = node("button", { class: "more", click: () => toggle(!unfolded.has(name)) });
    const toggle = (open) => {
      unfolded[open ? "add" : "delete"](name);
      block.classList.toggle("folded", !open);
      button.setAttribute("aria-expanded", open);
      button.textContent = open ? `Show ${FOLDED_LINES} lines` : `Show all ${lines.toLocaleString()} lines`;
      showMarked(block);
      letKeysScroll();
    };
    toggle(unfolded.has(name));
    parts.push(button);
  }
  return node("div", { class: "copyable" }, parts);
}

/** Scroll the line that failed into sight. */
function showMarked(block) {
  const marked = block.querySelector(".marked");
  if (marked) block.scrollTop = marked.offsetTop - block.clientHeight / 2;
}

/** What scrolls can have the focus, so that keys scroll it; what does not, cannot. */
function letKeysScroll() {
  for (const block of view.querySelectorAll(SCROLLERS)) {
    const scrolls = block.scrollHeight > block.clientHeight || block.scrollWidth > block.clientWidth;
    for (const [name, value] of [["tabindex", 0], ["role", "group"], ["aria-label", block.dataset.name ?? "Output"]]) {
      if (scrolls) block.setAttribute(name, value);
      else block.removeAttribute(name);
    }
  }
}

/** A figure, its name for those who do not see it, and what can be done with it. */
function figure(image, name, file) {
  const enlarge = node("button", { class: "tool", "aria-pressed": "false", click: () => {
    const large = image.classList.toggle("large");
    enlarge.setAttribute("aria-pressed", large);
    enlarge.textContent = large ? "Reduce" : "Enlarge";
  } }, "Enlarge");
  return node("figure", { class: "picture" }, image,
    node("div", { class: "tools" }, enlarge, "downloadFile" in host.capabilities ? saveButton(file, name) : null));
}
