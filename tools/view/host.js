"use strict";
// The host's side of an MCP App: JSON-RPC with the window that this page is framed in.

const host = {
  capabilities: {},
  context: {},
  handlers: {}, // method to what to do with its parameters; what that returns is the answer
  pending: new Map(),
  sent: 0,
};

/** Send a request; its result, or an error with the host's words. */
host.request = (method, params) =>
  new Promise((resolve, reject) => {
    const id = ++host.sent;
    host.pending.set(id, { resolve, reject });
    window.parent.postMessage({ jsonrpc: "2.0", id, method, params }, "*");
  });

host.notify = (method, params = {}) =>
  window.parent.postMessage({ jsonrpc: "2.0", method, params }, "*");

host.listen = () =>
  // Not `onmessage`: VS Code wraps this very method to make the source match.
  window.addEventListener("message", (event) => {
    const message = event.data;
    if (event.source !== window.parent || message?.jsonrpc !== "2.0") return;
    if (typeof message.method === "string") host.received(message);
    else host.answered(message);
  });

host.received = ({ id, method, params }) => {
  const handler = Object.hasOwn(host.handlers, method) ? host.handlers[method] : null;
  const answer = handler ? { result: handler(params ?? {}) ?? {} } : {
    error: { code: -32601, message: `This view has no method ${method}` },
  };
  if (id !== undefined) window.parent.postMessage({ jsonrpc: "2.0", id, ...answer }, "*");
};

host.answered = ({ id, result, error }) => {
  const waiting = host.pending.get(id);
  host.pending.delete(id);
  if (error) waiting?.reject(new Error(error.message));
  else waiting?.resolve(result);
};

/** Greet the host; after this it sends the call and its result. */
host.connect = async () => {
  host.listen();
  const { hostCapabilities, hostContext } = await host.request("ui/initialize", {
    protocolVersion: "2026-01-26",
    appInfo: { name: "bellglass", version: "1" },
    appCapabilities: { availableDisplayModes: ["inline", "fullscreen"] },
  });
  host.capabilities = hostCapabilities ?? {};
  host.context = hostContext ?? {};
  host.notify("ui/notifications/initialized");
};
