// The chat in the widget's frame: reads and writes the visitor's thread.
"use strict";

const POLL_MS = 1500;
const websiteToken = new URLSearchParams(location.search).get("website_token");
const KEY = `sandbox-visitor-${websiteToken}`;
const list = document.getElementById("thread");
const field = document.getElementById("text");
const notice = document.getElementById("notice");
const storage = openStorage();
let shown = "";

// Where the browser denies a foreign frame its storage, the visitor is known until the page closes.
function openStorage() {
  try {
    if (window.localStorage) return window.localStorage;
  } catch (fault) {
    if (fault.name !== "SecurityError") throw fault;
  }
  const memory = new Map();
  return {
    getItem: (key) => memory.get(key) ?? null,
    setItem: (key, value) => memory.set(key, value),
    removeItem: (key) => memory.delete(key),
  };
}

// Runs what sends something and says why it was not sent, if it was not.
async function attempt(action) {
  try {
    await action();
    notice.hidden = true;
  } catch (fault) {
    notice.textContent = `Not sent: ${fault.message || fault.error}`;
    notice.hidden = false;
  }
}

async function call(path, method = "GET", body = undefined, query = {}) {
  const address = new URL(path, location.href);
  const values = { website_token: websiteToken, ...query };
  for (const [name, value] of Object.entries(values)) address.searchParams.set(name, value);
  const response = await fetch(address, {
    method,
    headers: body ? { "Content-Type": "application/json" } : {},
    body: body && JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw text ? JSON.parse(text) : { error: `error ${response.status}` };
  return JSON.parse(text);
}

function button(messageId, choice) {
  const one = document.createElement("button");
  one.type = "button";
  one.className = "choice";
  one.textContent = choice.title;
  one.addEventListener("click", async () => {
    const visitor = storage.getItem(KEY);
    const message = { submitted_values: [choice] };
    const path = `/api/v1/widget/messages/${messageId}`;
    await attempt(() => call(path, "PATCH", { visitor, message }));
    await poll();
  });
  return one;
}

async function read() {
  const visitor = storage.getItem(KEY);
  if (!visitor) return;
  const { messages } = await call("/api/v1/widget/messages", "GET", undefined, { visitor });
  const text = JSON.stringify(messages);
  if (text === shown) return;
  shown = text;
  list.replaceChildren(
    ...messages.map((message) => {
      const item = document.createElement("li");
      item.className = message.message_type === 0 ? "mine" : "theirs";
      item.textContent = message.content;
      item.append(...message.items.map((choice) => button(message.id, choice)));
      return item;
    }),
  );
  list.lastElementChild?.scrollIntoView();
}

// A thread that cannot be read now is asked for again soon.
const poll = () => read().catch(() => {});

document.getElementById("write").addEventListener("submit", async (event) => {
  event.preventDefault();
  await attempt(async () => {
    const visitor = storage.getItem(KEY);
    const told = await call("/api/v1/widget/messages", "POST", { content: field.value, visitor });
    storage.setItem(KEY, told.visitor);
    field.value = "";
  });
  await poll();
});

window.addEventListener("message", async ({ source, data }) => {
  if (source !== window.parent) return;
  if (data.event === "reset") {
    storage.removeItem(KEY);
    list.replaceChildren();
    shown = "";
  }
  if (data.event === "set-user") {
    const visitor = storage.getItem(KEY);
    const body = { ...data.user, identifier: data.identifier, visitor };
    try {
      const told = await call("/api/v1/widget/contact/set_user", "PATCH", body);
      storage.setItem(KEY, told.visitor);
      await read();
    } catch (detail) {
      window.parent.postMessage({ event: "error", detail }, "*");
    }
  }
});

window.parent.postMessage({ event: "loaded" }, "*");
setInterval(poll, POLL_MS);
poll();
