// Files of the session, fetched through the host: this page itself may load nothing.

const MAX_DOWNLOAD_BYTES = 50_000_000;

/** A button that saves the file at a `sandbox://` address; its name alone where the host cannot. */
function downloadButton({ uri, name, label }) {
  const able = "downloadFile" in host.capabilities && String(uri).startsWith("sandbox://");
  if (!able) return label ? null : node("span", { class: "file" }, plain(name));
  const button = node("button", { class: "file", click: () => save(uri, name, button) }, plain(label ?? name));
  return button;
}

/** A button that saves what this page has already. */
function saveButton({ name, mimeType, blob }, what) {
  const resource = { uri: `file:///${name}`, mimeType, blob };
  const button = node("button", { class: "tool", "aria-label": `Save ${what}`,
    click: () => handOver(button, () => [{ type: "resource", resource }]) }, "Save");
  return button;
}

function save(uri, name, button) {
  return handOver(button, async () => "serverResources" in host.capabilities
    ? [{ type: "resource", resource: await wholeFile(uri, name) }]
    : [{ type: "resource_link", uri, name }]);
}

async function handOver(button, collected) {
  button.disabled = true;
  button.removeAttribute("title");
  try {
    const contents = await collected();
    const answer = await host.request("ui/download-file", { contents });
    if (answer?.isError) throw new Error("The host did not save it.");
  } catch (error) {
    button.title = `Not saved: ${error.message}`;
    button.after(node("span", { class: "problem" }, ` ${error.message}`));
  }
  button.disabled = false;
}

/** The file, put together of the parts in which the server sends a long one. */
async function wholeFile(uri, name) {
  const parts = [];
  let total = 0;
  let mimeType;
  for (let next = uri; next; ) {
    const { contents: [part] } = await host.request("resources/read", { uri: next });
    const data = part.text === undefined ? fromBase64(part.blob) : new TextEncoder().encode(part.text);
    mimeType ??= part.mimeType;
    parts.push(data);
    total += data.length;
    if (total > MAX_DOWNLOAD_BYTES) throw new Error(`It is longer than ${bytes(MAX_DOWNLOAD_BYTES)}: take it away with bellglass get.`);
    next = part._meta?.["bellglass/part"]?.next;
  }
  const whole = new Uint8Array(total);
  let at = 0;
  for (const data of parts) {
    whole.set(data, at);
    at += data.length;
  }
  // The host names the saved file by the end of this address.
  return { uri: `file:///${encodeURIComponent(name.split("/").pop())}`, mimeType, blob: base64(whole) };
}

const fromBase64 = (text) => Uint8Array.from(atob(text ?? ""), (letter) => letter.charCodeAt(0));
