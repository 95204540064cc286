// Keeps a tracking page fresh: hears of changes, fetches the changing part, says how it follows.
// Without it the page works too, and stands as it was loaded.
"use strict";

(function () {
  const box = document.getElementById("live");
  const part = document.getElementById("part");
  if (!box || !window.fetch) return;

  const POLL = 30000, HIDDEN_FOR = 300000, LONGEST_PAUSE = 60000, MOST_FAILURES = 3;
  const TRY_AGAIN = 300000;
  const badge = document.getElementById("badge");
  const words = box.dataset;
  const time = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  let source = null, etag = words.etag, failures = 0, poll = 0, retry = 0, hiding = 0, seen = eventId();
  let asOf = new Date(document.documentElement.dataset.keptAt || Date.now());

  function eventId() {
    return part.querySelector("[data-event-id]").dataset.eventId;
  }

  function show(kind) {
    const sameDay = asOf.toDateString() === new Date().toDateString();
    const when = asOf.toLocaleString(document.documentElement.lang,
      sameDay ? time : { day: "numeric", month: "long", ...time });
    badge.hidden = false;
    badge.className = "badge " + kind;
    badge.firstElementChild.textContent = words[kind].replace("{when}", when);
  }

  // Backs off with chance in it, so that a thousand pages do not come back at once.
  function pause() {
    return Math.min(LONGEST_PAUSE, 1000 * 2 ** failures) * (0.5 + Math.random() / 2);
  }

  async function refresh() {
    let answer;
    try {
      const headers = etag ? { "If-None-Match": etag } : {};
      answer = await fetch(words.part, { headers, cache: "no-store" });
    } catch (error) {
      show("offline");
      return false;
    }
    if (answer.status === 404) {
      stop();
      location.reload();
      return false;
    }
    if (answer.status === 304) asOf = new Date();
    if (answer.status === 200) {
      etag = answer.headers.get("ETag");
      asOf = new Date();
      swap(await answer.text());
    }
    return answer.status === 200 || answer.status === 304;
  }

  function swap(html) {
    const fresh = new DOMParser().parseFromString(html, "text/html").body;
    const before = part.querySelector("h1").textContent;
    const focused = part.contains(document.activeElement) ? address(document.activeElement) : null;
    const opened = [...part.querySelectorAll("details[open]")].map(function (one) { return one.id; });
    for (const id of opened) fresh.querySelector("#" + id)?.setAttribute("open", "");
    if (part.innerHTML.trim() !== fresh.innerHTML.trim()) part.replaceChildren(...fresh.childNodes);
    seen = eventId();
    const found = focused && part.querySelector(focused);
    if (found) found.focus({ preventScroll: true });
    const after = part.querySelector("h1").textContent;
    if (after === before) return;
    document.getElementById("news").textContent = words.changed.replace("{state}", after);
    document.title = document.title.replace(before, after);
  }

  function address(element) {
    return element.id ? "#" + element.id : "a[href='" + CSS.escape(element.getAttribute("href")) + "']";
  }

  function connect() {
    clearTimeout(retry);
    if (source || !window.EventSource) return;
    source = new EventSource(words.events + "?last_event_id=" + seen);
    source.addEventListener("open", function () {
      failures = 0;
      clearInterval(poll);
      poll = 0;
      asOf = new Date();
      show("live");
    });
    source.addEventListener("repair", function (event) {
      if (event.lastEventId !== seen) refresh().then(function (good) { if (good) show("live"); });
    });
    source.addEventListener("error", lost);
  }

  // After a lost line the browser comes back by itself, after an answer such as 503 it does not.
  function lost() {
    failures += 1;
    refresh();
    const gaveUp = source.readyState === EventSource.CLOSED;
    if (failures < MOST_FAILURES && !gaveUp) return;
    source.close();
    source = null;
    if (failures >= MOST_FAILURES && !poll) startPolling();
    retry = setTimeout(connect, poll ? TRY_AGAIN : pause());
  }

  function startPolling() {
    show("polling");
    poll = setInterval(function () {
      refresh().then(function (good) { if (good && poll) show("polling"); });
    }, POLL);
  }

  function stop() {
    clearTimeout(retry);
    clearInterval(poll);
    poll = 0;
    if (source) source.close();
    source = null;
  }

  function start() {
    if (window.EventSource) connect();
    else startPolling();
  }

  document.addEventListener("visibilitychange", function () {
    clearTimeout(hiding);
    if (document.hidden) hiding = setTimeout(stop, HIDDEN_FOR);
    else if (!source && !poll) refresh().then(start);
  });
  window.addEventListener("pagehide", stop);
  window.addEventListener("pageshow", function (event) { if (event.persisted) start(); });
  window.addEventListener("offline", function () { show("offline"); });
  window.addEventListener("online", function () { failures = 0; stop(); start(); });

  if (document.documentElement.dataset.keptAt) show("offline");
  start();
  if ("serviceWorker" in navigator) {
    navigator.serviceWorker.register("/sw.js", { scope: "/track/" }).catch(function () {});
  }
})();
