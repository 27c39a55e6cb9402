// HTML from the sandbox, built anew from what is known to be harmless: no scripts, no links, nothing
// from elsewhere, no styles that could lay it over the rest of the page.

const MAX_NODES = 20_000;
const MAX_DEPTH = 60;
const MAX_STYLED = 50_000; // nodes that rules of its style sheets apply to, one counted for each rule

const TAGS = new Set(
  `a abbr address article b bdi bdo blockquote br caption cite code col colgroup dd del details dfn
  div dl dt em figcaption figure footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main mark meter
  nav ol p pre progress q s samp section small span strong sub summary sup svg table tbody td tfoot
  th thead time tr u ul var wbr`.split(/\s+/));

const DROPPED = new Set(
  "script style template noscript iframe object embed head title link meta base".split(" "));

const ATTRIBUTES = new Set(
  `align alt class colspan dir height id lang max min open rowspan scope span start title valign
  value width`.split(/\s+/));

const STYLES = new Set(
  `background background-color border border-bottom border-collapse border-color border-left
  border-radius border-right border-spacing border-style border-top border-width color
  column-gap display flex flex-direction flex-wrap float font-family font-size font-style
  font-variant font-weight gap height justify-content letter-spacing line-height list-style
  list-style-type max-height max-width min-width opacity overflow padding padding-bottom
  padding-left padding-right padding-top row-gap text-align text-decoration text-indent
  text-transform vertical-align white-space width word-break`.split(/\s+/));

/** `html` as a block of the page. */
function markup(html) {
  const parsed = new DOMParser().parseFromString(html, "text/html"); // runs and loads nothing
  const block = node("div", { class: "markup" });
  const budget = { nodes: MAX_NODES };
  const rules = [...parsed.querySelectorAll("style")].map((style) => style.textContent);
  rebuild(parsed.body, block, budget, 0);
  if (budget.nodes <= 0) block.append(node("p", { class: "faint" }, "The rest is too long to show."));
  budget.styled = MAX_STYLED;
  for (const text of rules) applyRules(text, block, budget);
  // They served the rules; here they could mean something else.
  for (const made of block.querySelectorAll("[class], [id]")) {
    made.removeAttribute("class");
    made.removeAttribute("id");
  }
  return block;
}

function rebuild(from, to, budget, depth) {
  for (const child of from.childNodes) {
    if (budget.nodes-- <= 0) return;
    if (child.nodeType === Node.TEXT_NODE) to.append(...plain(child.data));
    if (child.nodeType !== Node.ELEMENT_NODE) continue;
    const tag = child.localName;
    if (DROPPED.has(tag)) continue;
    if (tag === "svg") to.append(vector(new XMLSerializer().serializeToString(child)));
    else if (tag === "img") to.append(embedded(child) ?? "");
    else if (depth > MAX_DEPTH || !TAGS.has(tag)) rebuild(child, to, budget, depth); // its text
    else {
      const made = node(tag);
      copyAttributes(child, made);
      to.append(made);
      rebuild(child, made, budget, depth + 1);
    }
  }
}

function copyAttributes(from, to) {
  for (const { name, value } of from.attributes) {
    if (ATTRIBUTES.has(name)) to.setAttribute(name, value);
  }
  if (from.hasAttribute("style")) copyStyles(from.style, to);
}

function copyStyles(style, to) {
  for (const property of style) {
    const value = style.getPropertyValue(property);
    const known = STYLES.has(property) || STYLES.has(property.replace(/-(color|image|style|width)$/, ""));
    // Images other than gradients would be fetched from elsewhere.
    if (known && !/url\(|image\(|image-set|src\(|element\(/i.test(value)) {
      to.style.setProperty(property, value, style.getPropertyPriority(property));
    }
  }
}

/** Apply a style sheet to `block` alone: its rules become styles of the nodes they match. */
function applyRules(text, block, budget) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(text);
  for (const rule of sheet.cssRules) {
    if (!(rule instanceof CSSStyleRule) || budget.styled <= 0) continue;
    const matched = block.querySelectorAll(rule.selectorText);
    budget.styled -= 10 + matched.length; // to look for them takes its time too
    if (budget.styled > 0) matched.forEach((made) => copyStyles(rule.style, made));
  }
}

function embedded(image) {
  const address = image.getAttribute("src") ?? "";
  if (!/^data:image\/(png|jpeg|gif|webp|svg\+xml)[;,]/i.test(address)) return null;
  const made = node("img", { src: address, alt: image.getAttribute("alt") ?? "" });
  copyAttributes(image, made);
  return made;
}

/** SVG as an image: as such it runs no script and loads nothing. */
function vector(text) {
  const encoded = new TextEncoder().encode(text);
  return node("img", { class: "vector", alt: "", src: `data:image/svg+xml;base64,${base64(encoded)}` });
}

function base64(data) {
  let text = "";
  for (let at = 0; at < data.length; at += 8192) {
    text += String.fromCharCode(...data.subarray(at, at + 8192));
  }
  return btoa(text);
}
