// Loads Chatwoot's widget in the visitor's language and our colour, and makes every chat button of
// the page open it. `CHATWOOT` stands above: {url, token}, or null when there is no Chatwoot.
(() => {
  "use strict";
  if (!CHATWOOT || window.chatwootSettings) return;
  const self = document.currentScript;
  const told = self ? self.dataset : {};
  const colour = getComputedStyle(document.documentElement).getPropertyValue("--primary").trim();

  window.chatwootSettings = {
    locale: (told.locale || document.documentElement.lang || "en").slice(0, 2),
    position: "right",
    darkMode: "auto",
    widgetColor: colour || undefined,
  };

  function buttons() {
    for (const button of document.querySelectorAll("[data-chat]")) {
      button.hidden = false;
      button.addEventListener("click", (event) => {
        event.preventDefault();
        window.$chatwoot.toggle("open");
      });
    }
  }

  window.addEventListener("chatwoot:ready", () => {
    if (told.identifier && told.hash) {
      window.$chatwoot.setUser(told.identifier, { name: told.name, identifier_hash: told.hash });
    }
    buttons();
  });

  const script = document.createElement("script");
  script.src = `${CHATWOOT.url}/packs/js/sdk.js`;
  script.async = true;
  script.addEventListener("load", () => {
    window.chatwootSDK.run({ websiteToken: CHATWOOT.token, baseUrl: CHATWOOT.url });
  });
  document.head.append(script);
})();
