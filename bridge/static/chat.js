// Loads Chatwoot's widget in the visitor's language and our colour, and makes every chat button of
// the page open it: at once, or with `data-on-tap` only when one of them is pressed, because the widget
// tells Chatwoot the address of the page. `CHATWOOT` stands above: {url, token}, or null.
(() => {
  "use strict";
  if (!CHATWOOT || window.chatwootSettings) return;
  const self = document.currentScript;
  const told = self ? self.dataset : {};
  const buttons = document.querySelectorAll("[data-chat]");
  let loaded = null;

  function load() {
    const colour = getComputedStyle(document.documentElement).getPropertyValue("--primary").trim();
    window.chatwootSettings = {
      locale: (told.locale || document.documentElement.lang || "en").slice(0, 2),
      position: "right",
      darkMode: "auto",
      widgetColor: colour || undefined,
    };
    return new Promise((resolve, reject) => {
      window.addEventListener("chatwoot:ready", resolve, { once: true });
      const script = document.createElement("script");
      script.src = `${CHATWOOT.url}/packs/js/sdk.js`;
      script.async = true;
      script.addEventListener("error", reject);
      script.addEventListener("load", () => {
        window.chatwootSDK.run({ websiteToken: CHATWOOT.token, baseUrl: CHATWOOT.url });
      });
      document.head.append(script);
    }).then(() => {
      if (told.identifier && told.hash) {
        window.$chatwoot.setUser(told.identifier, { name: told.name, identifier_hash: told.hash });
      }
    });
  }

  function show() {
    for (const button of buttons) button.hidden = false;
  }

  async function open(button) {
    button.setAttribute("aria-busy", "true");
    try {
      loaded ??= load();
      await loaded;
      window.$chatwoot.toggle("open");
    } catch {
      // The line was away: the next press tries again.
      loaded = null;
    } finally {
      button.removeAttribute("aria-busy");
    }
  }

  for (const button of buttons) {
    button.addEventListener("click", (event) => {
      event.preventDefault();
      open(button);
    });
  }
  if ("onTap" in told) {
    show();
  } else {
    loaded = load().then(show);
  }
})();
