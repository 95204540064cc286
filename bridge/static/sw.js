// Keeps the last known state of a tracking page for when there is no connection. The server puts
// VERSION and SHELL above these lines. Pages are kept under their own address only, a few of them,
// and one whose link no longer opens is dropped.
"use strict";

const SHELL_CACHE = "track-shell-" + VERSION;
const PAGES_CACHE = "track-pages";
const MOST_PAGES = 5;
const PATIENCE = 8000;

self.addEventListener("install", function (event) {
  event.waitUntil(
    caches.open(SHELL_CACHE).then(function (cache) { return cache.addAll(SHELL); })
      .then(function () { return self.skipWaiting(); })
  );
});

self.addEventListener("activate", function (event) {
  event.waitUntil((async function () {
    for (const name of await caches.keys()) {
      if (name.startsWith("track-shell-") && name !== SHELL_CACHE) await caches.delete(name);
    }
    await self.clients.claim();
    // The page that brought us here was loaded before we could keep it.
    for (const client of await self.clients.matchAll({ type: "window" })) {
      await keep(new URL(client.url).pathname, client.url).catch(function () {});
    }
  })());
});

self.addEventListener("fetch", function (event) {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== location.origin) return;
  if (event.request.mode === "navigate" && isPage(url)) event.respondWith(page(event, url));
  else if (isPage(url) && url.searchParams.has("part")) event.respondWith(part(event, url));
  else if (SHELL.includes(url.pathname)) event.respondWith(asset(event.request));
});

function isPage(url) {
  return /^\/track\/[^/]+$/.test(url.pathname);
}

// With an answer or a question of its own a page is no state to keep.
function isAsked(url) {
  return url.searchParams.has("written") || url.searchParams.has("about");
}

async function page(event, url) {
  try {
    const answer = await fetch(event.request, { signal: AbortSignal.timeout(PATIENCE) });
    if (answer.ok && !isAsked(url)) event.waitUntil(put(url.pathname, answer.clone()));
    else if (answer.status === 404) await forget(url.pathname);
    return answer;
  } catch (error) {
    return (await kept(url.pathname)) || (await caches.match(SHELL[0])) || Response.error();
  }
}

// A change that reached the open page is kept as a whole page too.
async function part(event, url) {
  const answer = await fetch(event.request);
  if (answer.status === 404) await forget(url.pathname);
  if (answer.status === 200) {
    url.searchParams.delete("part");
    event.waitUntil(keep(url.pathname, url.href).catch(function () {}));
  }
  return answer;
}

async function asset(request) {
  try {
    return await fetch(request);
  } catch (error) {
    return (await caches.match(request, { ignoreSearch: true })) || Response.error();
  }
}

async function keep(path, address) {
  if (!isPage({ pathname: path })) return;
  const answer = await fetch(address, { headers: { Accept: "text/html" } });
  if (answer.ok) await put(path, answer);
}

async function put(path, answer) {
  const cache = await caches.open(PAGES_CACHE);
  const html = (await answer.text()).replace(
    "<html ", '<html data-kept-at="' + new Date().toISOString() + '" ');
  const headers = { "Content-Type": "text/html; charset=utf-8" };
  for (const name of ["Content-Security-Policy", "Referrer-Policy", "X-Content-Type-Options"]) {
    if (answer.headers.has(name)) headers[name] = answer.headers.get(name);
  }
  await cache.delete(path);
  await cache.put(path, new Response(html, { headers }));
  const known = await cache.keys();
  for (const old of known.slice(0, Math.max(0, known.length - MOST_PAGES))) await cache.delete(old);
}

async function kept(path) {
  return (await caches.open(PAGES_CACHE)).match(path);
}

async function forget(path) {
  await (await caches.open(PAGES_CACHE)).delete(path);
}
