// The sandbox page: plays customer and agent over /sandbox/api, and asks again every second.
"use strict";

const POLL_MS = 1000;
const STATUSES = ["open", "pending", "snoozed", "resolved"];
const byId = (id) => document.getElementById(id);
let agentId = null;
let openNumber = null;
const drawn = new Map();

async function call(path, method = "GET", body = undefined) {
  const options = { method, headers: {} };
  if (method !== "GET") {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body ?? {});
  }
  const response = await fetch(path.startsWith("/api/") ? path : `/sandbox/api${path}`, options);
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.message || answer.error || `Error ${response.status}`);
  return answer;
}

// Runs an action and shows why it failed, if it did.
async function attempt(action) {
  try {
    await action();
    byId("notice").hidden = true;
  } catch (fault) {
    byId("notice").textContent = fault.message;
    byId("notice").hidden = false;
  }
}

// Redraws an element only when its data differ, so focus and scrolling survive the polling.
function redraw(id, data, draw) {
  const text = JSON.stringify(data);
  if (drawn.get(id) === text) return;
  drawn.set(id, text);
  draw(byId(id), data);
}

function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

// Text with its http(s) addresses as links; everything else stays text.
function appendText(parent, text) {
  for (const part of String(text ?? "").split(/(https?:\/\/[^\s<>"')]+)/)) {
    if (/^https?:\/\//.test(part)) {
      const link = element("a", part);
      link.href = part;
      link.target = "_blank";
      link.rel = "noopener noreferrer";
      parent.append(link);
    } else {
      parent.append(part);
    }
  }
}

// A question's options by `offer` until one was pressed, then what was pressed.
function appendOptions(parent, message, offer) {
  if (message.content_type !== "input_select") return;
  const { items, submitted_values: pressed } = message.content_attributes;
  if (pressed?.length) {
    parent.append(element("small", `Pressed: ${pressed.map((one) => one.title).join(", ")}`));
  } else {
    parent.append(...(items ?? []).map((choice) => offer(message, choice)));
  }
}

// As the widget does it: the customer's own press.
function pressable(widget) {
  return (message, choice) => {
    const button = element("button", choice.title);
    button.type = "button";
    button.addEventListener("click", () => attempt(async () => {
      const query = new URLSearchParams({ website_token: widget.website_token });
      const body = { visitor: widget.visitor, message: { submitted_values: [choice] } };
      await call(`/api/v1/widget/messages/${message.id}?${query}`, "PATCH", body);
      await refresh();
    }));
    return button;
  };
}

const readable = (message, choice) => element("small", `Button: ${choice.title}`);

function drawThread(list, messages, ownTypes, offer) {
  list.replaceChildren(...messages.map((message) => {
    const item = element("li");
    if (message.message_type === 2) item.className = "activity";
    else if (message.private) item.className = "note";
    else if (ownTypes.includes(message.message_type)) item.className = "own";
    if (message.message_type !== 2) {
      const who = message.sender ? message.sender.name || "Visitor" : "Automatic";
      item.append(element("small", message.private ? `${who}, private note` : who));
    }
    appendText(item, message.content);
    for (const file of message.attachments ?? []) {
      item.append(" ");
      appendText(item, file.data_url);
    }
    appendOptions(item, message, offer);
    return item;
  }));
  list.scrollTop = list.scrollHeight;
}

function drawPairs(list, pairs) {
  list.replaceChildren();
  for (const [name, value] of pairs) {
    const shown = element("dd");
    appendText(shown, typeof value === "object" && value !== null ? JSON.stringify(value) : value ?? "–");
    list.append(element("dt", name), shown);
  }
}

function drawCustomers(select, customers) {
  const before = select.value;
  select.replaceChildren(...customers.map((customer) => {
    const option = element("option", `${customer.name || "Visitor"} (${customer.id})`);
    option.value = customer.id;
    return option;
  }));
  if (customers.some((customer) => String(customer.id) === before)) select.value = before;
  byId("newcomer").open = customers.length === 0;
}

function drawList(list, data) {
  list.replaceChildren(...data.conversations.map((conversation) => {
    const item = element("li");
    const button = element("button", `#${conversation.id} ${conversation.contact_name || "Visitor"}`);
    button.type = "button";
    if (conversation.id === data.open) button.setAttribute("aria-current", "true");
    const details = [conversation.status, ...conversation.labels].join(", ");
    button.append(element("span", details), element("span", conversation.last_message ?? ""));
    button.addEventListener("click", () => attempt(() => show(conversation.id)));
    item.append(button);
    return item;
  }));
}

function drawStatuses(group, status) {
  group.replaceChildren(...STATUSES.map((name) => {
    const button = element("button", name);
    button.type = "button";
    button.setAttribute("aria-pressed", String(name === status));
    button.addEventListener("click", () => change("status", { status: name }));
    return button;
  }));
}

function drawConversation(conversation) {
  const sender = conversation.meta.sender;
  byId("open").hidden = false;
  byId("empty").hidden = true;
  byId("open-title").textContent = `#${conversation.id} ${sender.name || "Visitor"}`;
  redraw("statuses", conversation.status, drawStatuses);
  redraw("thread", conversation.messages, (list, messages) => {
    drawThread(list, messages, [1, 3], readable);
  });
  redraw("label-text", conversation.labels, (field, labels) => { field.value = labels.join(", "); });
  redraw("contact", [
    ["name", sender.name],
    ["e-mail", sender.email],
    ["phone", sender.phone_number],
    ["identifier", sender.identifier],
    ["proven", conversation.meta.hmac_verified ? "yes" : "no"],
    ...Object.entries(sender.custom_attributes),
  ], drawPairs);
  redraw("attributes", [
    ["status", conversation.status],
    ["labels", conversation.labels.join(", ")],
    ...Object.entries(conversation.custom_attributes),
  ], drawPairs);
}

function drawMails(list, mails) {
  byId("no-mail").hidden = mails.length > 0;
  list.replaceChildren(...mails.map((mail) => {
    const item = element("li");
    const text = element("p");
    appendText(text, mail.text);
    item.append(element("h3", mail.subject), element("small", `to ${mail.to.join(", ")}`), text);
    return item;
  }));
}

async function show(number) {
  openNumber = number;
  await refresh();
}

function change(what, body) {
  attempt(async () => {
    await call(`/conversations/${openNumber}/${what}`, "POST", body);
    await refresh();
  });
}

async function refresh() {
  const [{ customers }, { conversations }, { mails }] = await Promise.all([
    call("/customers"), call("/conversations"), call("/mails"),
  ]);
  redraw("mails", mails, drawMails);
  redraw("who", customers, drawCustomers);
  redraw("list", { conversations, open: openNumber }, drawList);
  if (byId("who").value) {
    const seen = await call(`/customers/${byId("who").value}/messages`);
    redraw("chat", seen, (list, { messages, widget }) => {
      drawThread(list, messages, [0], widget ? pressable(widget) : readable);
    });
  }
  if (openNumber !== null) drawConversation(await call(`/conversations/${openNumber}`));
}

function onSubmit(id, action) {
  byId(id).addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(async () => { await action(event.target); await refresh(); });
  });
}

onSubmit("create", async (form) => {
  const values = Object.fromEntries(new FormData(form));
  values.hmac_verified = form.elements.hmac_verified.checked;
  const { contact } = await call("/customers", "POST", values);
  form.reset();
  await refresh();
  byId("who").value = contact.id;
});
onSubmit("say", async () => {
  await call(`/customers/${byId("who").value}/messages`, "POST", { content: byId("say-text").value });
  byId("say-text").value = "";
});
onSubmit("reply", async () => {
  const body = {
    conversation_id: openNumber,
    content: byId("reply-text").value,
    private: byId("private").checked,
  };
  await call(`/agents/${agentId}/messages`, "POST", body);
  byId("reply-text").value = "";
});
onSubmit("labels", async () => {
  const labels = byId("label-text").value.split(",").map((name) => name.trim()).filter(Boolean);
  await call(`/conversations/${openNumber}/labels`, "POST", { labels });
});
byId("who").addEventListener("change", () => attempt(refresh));
for (const button of document.querySelectorAll("[data-note]")) {
  button.addEventListener("click", () => {
    byId("private").checked = true;
    byId("reply-text").value = button.dataset.note;
    byId("reply-text").focus();
  });
}
// Enter sends, as chat windows do; Shift+Enter breaks the line.
for (const field of document.querySelectorAll("textarea")) {
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    field.form.requestSubmit();
  });
}

async function poll() {
  if (!document.hidden) await attempt(refresh);
  setTimeout(poll, POLL_MS);
}

attempt(async () => {
  agentId = (await call("/credentials")).agent_id;
  const { conversations } = await call("/conversations");
  if (conversations.length) openNumber = conversations[0].id;
  await poll();
});
