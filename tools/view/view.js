// The page: what the host has said so far, drawn anew whenever it says more.

const view = document.getElementById("view");
const shown = { call: {}, result: null, progress: null, cancelled: false };
const started = { at: performance.now(), seconds: 0 };
let drawing = false;

/** Take in what the host said, and draw once, however many messages came at once. */
function update(change) {
  Object.assign(shown, change);
  if (drawing) return;
  drawing = true;
  setTimeout(() => { // no animation frame: in a page that is not on screen there is none
    drawing = false;
    view.replaceChildren(...[drawnOrTold(shown)].flat(Infinity).filter((part) => part != null));
    view.querySelectorAll(".source").forEach(showMarked);
    letKeysScroll();
    announce(view.querySelector(".verdict")?.textContent ?? "");
  }, 0);
}

/** How long the call has run, by what the host said last and our clock since. */
function clock() {
  const passed = started.seconds + (performance.now() - started.at) / 1000;
  return passed < 1 ? null : `${Math.floor(passed)} s`;
}

function startClock(seconds = 0) {
  Object.assign(started, { at: performance.now(), seconds });
}

setInterval(() => {
  const facts = view.querySelector("header.busy .facts");
  if (facts) facts.textContent = clock();
}, 1000);

/** What to show; of a result in a form that is not known, its text. */
function drawnOrTold(shown) {
  try {
    return drawn(shown);
  } catch (error) {
    console.error(error);
    const blocks = shown.result?.content ?? [];
    return terminal(blocks.map((block) => block.text ?? "").join("\n"), "stdout");
  }
}

Object.assign(host.handlers, {
  "ui/notifications/tool-input-partial": ({ arguments: call }) => update({ call: call ?? {} }),
  "ui/notifications/tool-input": ({ arguments: call }) => {
    startClock();
    update({ call: call ?? {} });
  },
  "ui/notifications/tool-result": (result) => update({ result }),
  "ui/notifications/tool-cancelled": () => update({ cancelled: true }),
  "ui/notifications/host-context-changed": (context) => adopt(context),
  "notifications/progress": (progress) => {
    startClock(progress.progress);
    update({ progress });
  },
  "ui/resource-teardown": () => {},
  ping: () => {},
});

/** Look like the host: its theme, colours and fonts, and no larger than it allows. */
function adopt(context) {
  Object.assign(host.context, context);
  const root = document.documentElement;
  if (["light", "dark"].includes(context.theme)) root.style.colorScheme = context.theme;
  for (const [name, value] of Object.entries(context.styles?.variables ?? {})) {
    if (/^--(color|font|border|shadow)-[\w-]+$/.test(name) && value) root.style.setProperty(name, value);
  }
  const { height, maxHeight } = host.context.containerDimensions ?? {};
  view.style.maxHeight = height || maxHeight ? `${height ?? maxHeight}px` : "";
  root.dataset.mode = host.context.displayMode ?? "inline";
}

async function changeMode() {
  const mode = host.context.displayMode === "fullscreen" ? "inline" : "fullscreen";
  const answer = await host.request("ui/request-display-mode", { mode }).catch(() => null);
  if (answer?.mode) adopt({ displayMode: answer.mode, containerDimensions: {} });
}

let told = "";
const watch = new ResizeObserver(() => {
  const { width, height } = view.getBoundingClientRect();
  const size = { width: Math.ceil(width), height: Math.ceil(height) };
  if (told === JSON.stringify(size)) return;
  told = JSON.stringify(size);
  host.notify("ui/notifications/size-changed", size);
  letKeysScroll();
});

host.connect().then(() => {
  adopt(host.context);
  update({});
  watch.observe(view);
});
