// The sandbox's stand-in for Chatwoot's widget script: a bubble, and a frame with the chat.
(() => {
  "use strict";
  const emit = (name, detail = null) =>
    window.dispatchEvent(new CustomEvent(`chatwoot:${name}`, { detail }));

  function run({ websiteToken, baseUrl }) {
    if (window.$chatwoot) return;
    const settings = window.chatwootSettings || {};
    const origin = new URL(baseUrl).origin;
    const side = settings.position === "left" ? "left" : "right";

    // As Chatwoot's own script does: the page's policy has to allow it.
    const style = document.createElement("style");
    style.textContent = `
      .woot-widget-holder { position: fixed; bottom: 5.5rem; ${side}: 1rem; z-index: 2147483000;
        width: min(23rem, calc(100vw - 2rem)); height: min(32rem, calc(100vh - 7rem));
        border-radius: 16px; overflow: hidden; box-shadow: 0 4px 24px rgb(0 0 0 / .3); }
      .woot-widget-holder iframe { width: 100%; height: 100%; border: 0; }
      .woot--hide { display: none; }
      .woot-widget-bubble { position: fixed; bottom: 1rem; ${side}: 1rem; z-index: 2147483000;
        width: 3.5rem; height: 3.5rem; padding: 0; border-radius: 50%; font-size: 1.5rem;
        background: ${settings.widgetColor || "#1f93ff"}; color: #fff; border: 0; cursor: pointer; }`;
    document.head.append(style);

    const holder = document.createElement("div");
    holder.className = "woot-widget-holder woot--hide";
    const frame = document.createElement("iframe");
    frame.id = "chatwoot_live_chat_widget";
    frame.title = "Chat";
    frame.src = `${baseUrl}/widget?website_token=${encodeURIComponent(websiteToken)}`;
    holder.append(frame);

    const bubble = document.createElement("button");
    bubble.className = "woot-widget-bubble";
    bubble.type = "button";
    bubble.setAttribute("aria-label", settings.launcherTitle || "Open chat window");
    const SVG = "http://www.w3.org/2000/svg";
    const drawing = document.createElementNS(SVG, "svg");
    drawing.setAttribute("viewBox", "0 0 24 24");
    drawing.setAttribute("width", "28");
    drawing.setAttribute("fill", "currentColor");
    const shape = document.createElementNS(SVG, "path");
    shape.setAttribute("d", "M4 3h16a2 2 0 0 1 2 2v11a2 2 0 0 1-2 2h-8l-5 4v-4H4a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2z");
    drawing.append(shape);
    bubble.append(drawing);

    // The page's landmarks stay its own: the chat is one more of them.
    const corner = document.createElement("aside");
    corner.setAttribute("aria-label", "Chat");
    corner.append(holder, bubble);
    document.body.append(corner);

    const send = (message) => frame.contentWindow.postMessage(message, origin);
    window.$chatwoot = {
      baseUrl,
      websiteToken,
      hasLoaded: false,
      isOpen: false,
      toggle(to) {
        const open = to ? to === "open" : !this.isOpen;
        if (open === this.isOpen) return;
        this.isOpen = open;
        holder.classList.toggle("woot--hide", !open);
        emit(open ? "opened" : "closed");
      },
      setUser(identifier, user) {
        if (typeof identifier !== "string" && typeof identifier !== "number") {
          throw new Error("Identifier should be a string or a number");
        }
        if (!["avatar_url", "email", "name"].some((key) => user[key])) {
          throw new Error("User object should have one of the keys [avatar_url, email, name]");
        }
        send({ event: "set-user", identifier: String(identifier), user });
      },
      setLocale() {},
      reset() {
        send({ event: "reset" });
      },
    };
    bubble.addEventListener("click", () => window.$chatwoot.toggle());
    window.addEventListener("message", (event) => {
      if (event.source !== frame.contentWindow || event.origin !== origin) return;
      if (event.data.event === "loaded") {
        window.$chatwoot.hasLoaded = true;
        emit("ready");
      }
      if (event.data.event === "error") emit("error", event.data.detail);
    });
  }

  window.chatwootSDK = { run };
})();
