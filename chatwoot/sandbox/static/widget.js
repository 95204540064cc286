// The chat in the widget's frame: reads and writes the visitor's thread.
"use strict";

const POLL_MS = 1500;
const websiteToken = new URLSearchParams(location.search).get("website_token");
const KEY = `sandbox-visitor-${websiteToken}`;
const list = document.getElementById("thread");
const field = document.getElementById("text");
let shown = "";

async function call(path, method = "GET", body = undefined, query = {}) {
  const address = new URL(path, location.href);
  const values = { website_token: websiteToken, ...query };
  for (const [name, value] of Object.entries(values)) address.searchParams.set(name, value);
  const response = await fetch(address, {
    method,
    headers: body ? { "Content-Type": "application/json" } : {},
    body: body && JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw answer;
  return answer;
}

function button(messageId, choice) {
  const one = document.createElement("button");
  one.type = "button";
  one.className = "choice";
  one.textContent = choice.title;
  one.addEventListener("click", async () => {
    const visitor = localStorage.getItem(KEY);
    const message = { submitted_values: [choice] };
    await call(`/api/v1/widget/messages/${messageId}`, "PATCH", { visitor, message });
    await read();
  });
  return one;
}

async function read() {
  const visitor = localStorage.getItem(KEY);
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

document.getElementById("write").addEventListener("submit", async (event) => {
  event.preventDefault();
  const visitor = localStorage.getItem(KEY);
  const told = await call("/api/v1/widget/messages", "POST", { content: field.value, visitor });
  localStorage.setItem(KEY, told.visitor);
  field.value = "";
  await read();
});

window.addEventListener("message", async ({ source, data }) => {
  if (source !== window.parent) return;
  if (data.event === "reset") {
    localStorage.removeItem(KEY);
    list.replaceChildren();
  }
  if (data.event === "set-user") {
    const visitor = localStorage.getItem(KEY);
    const body = { ...data.user, identifier: data.identifier, visitor };
    try {
      const told = await call("/api/v1/widget/contact/set_user", "PATCH", body);
      localStorage.setItem(KEY, told.visitor);
      await read();
    } catch (detail) {
      window.parent.postMessage({ event: "error", detail }, "*");
    }
  }
});

window.parent.postMessage({ event: "loaded" }, "*");
setInterval(() => read().catch(() => {}), POLL_MS);
read();
