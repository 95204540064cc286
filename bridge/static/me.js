// Messages that stood on the screen for a moment count as seen. Without it there is a button.
"use strict";

(function () {
  const list = document.getElementById("told");
  if (!list || !window.IntersectionObserver) return;

  const LOOKED = 1500;
  const waiting = new Set();
  let timer = 0;

  function tell() {
    if (!waiting.size || document.hidden) return;
    const form = new FormData();
    form.append("csrf_token", list.dataset.token);
    waiting.forEach(function (id) { form.append("id", id); });
    waiting.clear();
    fetch(list.dataset.seen, { method: "POST", body: form }).catch(function () {});
  }

  const watch = new IntersectionObserver(function (entries) {
    entries.forEach(function (entry) {
      if (!entry.isIntersecting || document.hidden) return;
      waiting.add(entry.target.dataset.id);
      watch.unobserve(entry.target);
    });
    clearTimeout(timer);
    timer = setTimeout(tell, LOOKED);
  }, { threshold: 0.1 });

  function start() {
    list.querySelectorAll("[data-id]").forEach(function (one) { watch.observe(one); });
  }

  if (document.prerendering) document.addEventListener("prerenderingchange", start, { once: true });
  else start();
  document.addEventListener("visibilitychange", function () { if (!document.hidden) tell(); });
})();
