// Looks again whether the payment has arrived: every three seconds, then every ten, for ten minutes.
// Without script there is a link to press.
"use strict";

(() => {
  const started = Number(sessionStorage.getItem("checking") || 0) || Date.now();
  const waited = Date.now() - started;
  if (waited > 10 * 60 * 1000) {
    sessionStorage.removeItem("checking");
    return;
  }
  sessionStorage.setItem("checking", String(started));
  setTimeout(() => location.reload(), waited < 30 * 1000 ? 3000 : 10000);
})();
