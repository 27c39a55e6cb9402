// Colours that a program chose for its text, changed as far as it takes to read them.

const CONTRAST = 4.5; // WCAG 2, level AA
const GROUNDS = { light: [255, 255, 255], dark: [27, 28, 30] };

/** The colour of text on `ground`, or on the page in its light and its dark theme. */
function readable(ink, ground) {
  const colour = channels(ink);
  if (typeof ground === "string") return towards(colour, channels(ground));
  if (typeof ground === "number") return "var(--ink)";
  return `light-dark(${towards(colour, GROUNDS.light)}, ${towards(colour, GROUNDS.dark)})`;
}

const channels = (colour) => colour.match(/\d+/g).map(Number);

/** `colour` mixed with black or white until it can be read on `ground`. */
function towards(colour, ground) {
  const end = luminance(ground) > 0.18 ? 0 : 255;
  for (let part = 0; part <= 1; part += 0.1) {
    const mixed = colour.map((channel) => Math.round(channel + (end - channel) * part));
    if (contrast(mixed, ground) >= CONTRAST) return `rgb(${mixed.join()})`;
  }
  return `rgb(${[end, end, end].join()})`;
}

function contrast(a, b) {
  const [low, high] = [luminance(a), luminance(b)].sort((one, other) => one - other);
  return (high + 0.05) / (low + 0.05);
}

function luminance(colour) {
  const [red, green, blue] = colour.map((channel) => {
    const part = channel / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
