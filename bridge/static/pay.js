// Looks again whether the payment has arrived: every three seconds, then every ten, for ten minutes.
// Without script there is a link to press.
"use strict";

(() => {
  const key = "checking" + location.search;
  const started = Number(sessionStorage.getItem(key) || 0) || Date.now();
  const waited = Date.now() - started;
  if (waited > 10 * 60 * 1000) {
    sessionStorage.removeItem(key);
    return;
  }
  sessionStorage.setItem(key, String(started));
  setTimeout(() => location.reload(), waited < 30 * 1000 ? 3000 : 10000);
})();
