// The quote: a tick shows its price at once. The service adds up; nothing is worked out here.
// Without this file the button "Show the price" does the same.
(() => {
  "use strict";
  for (const form of document.querySelectorAll("form.offer")) {
    const button = form.querySelector(".add-up");
    if (!button) continue;
    const told = form.querySelector("[role=status]");
    let asked = 0;
    button.hidden = true;

    async function addUp() {
      const mine = ++asked;
      const body = new URLSearchParams(new FormData(form));
      body.set("do", "total");
      const answer = await fetch(location.href, { method: "POST", body }).catch(() => null);
      if (mine !== asked) return;
      const text = answer && answer.ok ? await answer.text() : "";
      if (mine !== asked) return;
      const page = new DOMParser().parseFromString(text, "text/html");
      const old = form.querySelector(".sums");
      const sums = page.getElementById(old.id);
      const digest = page.querySelector("[name=digest]");
      // Another version, or no answer: the button fetches the whole page.
      if (!sums || digest.value !== form.elements.digest.value) {
        button.hidden = false;
        return;
      }
      old.replaceWith(sums);
      button.hidden = true;
      told.textContent = sums.querySelector(".total").textContent;
    }

    form.addEventListener("change", addUp);
  }
})();
