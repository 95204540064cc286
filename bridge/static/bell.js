// Keeps a count of unread news live. Without it the count is the one the page was loaded with.
"use strict";

(function () {
  const bell = document.querySelector("[data-bell]");
  if (!bell || !window.EventSource) return;

  const fresh = document.getElementById("fresh");
  const TRY_AGAIN = 60000;
  let newest = Number(bell.dataset.newest), source = null, again = 0;

  function hear(event) {
    const news = JSON.parse(event.data);
    const latest = news.newest ? news.newest.id || news.newest : 0;
    bell.querySelector(".count").textContent = news.unread;
    bell.classList.toggle("none", news.unread === 0);
    if (fresh && latest > newest) fresh.hidden = false;
    newest = Math.max(newest, latest);
  }

  function connect() {
    clearTimeout(again);
    source = new EventSource(bell.dataset.bell);
    source.addEventListener(bell.dataset.event, hear);
    // After a lost line the browser comes back by itself, after an answer such as 503 it does not.
    source.onerror = function () {
      if (source.readyState === EventSource.CLOSED) again = setTimeout(connect, TRY_AGAIN);
    };
  }

  function stop() {
    clearTimeout(again);
    source.close();
  }

  window.addEventListener("pagehide", stop);
  window.addEventListener("pageshow", function (event) { if (event.persisted) connect(); });
  connect();
})();
