// Shows how far an upload is and keeps the choice when the line breaks. Without it the form works too.
"use strict";

(function () {
  function prepare() {
    const form = document.getElementById("upload-form");
    if (!form) return;
    const progress = document.getElementById("progress");
    const bar = progress.querySelector("progress");
    const words = progress.querySelector("span");
    const button = form.querySelector("button");

    function rest(text) {
      button.disabled = false;
      bar.hidden = true;
      words.textContent = text;
    }

    form.addEventListener("submit", function (event) {
      event.preventDefault();
      const request = new XMLHttpRequest();
      button.disabled = true;
      progress.hidden = bar.hidden = false;
      bar.value = 0;
      words.textContent = form.dataset.sending;
      request.upload.addEventListener("progress", function (sent) {
        if (sent.lengthComputable) bar.value = (100 * sent.loaded) / sent.total;
      });
      request.addEventListener("load", function () {
        if (request.status === 200) {
          location.replace(request.responseURL);
          return;
        }
        const page = new DOMParser().parseFromString(request.responseText, "text/html");
        const problems = page.getElementById("problems");
        const shown = document.getElementById("problems");
        if (!problems) {
          rest((page.querySelector("main") || page.body).textContent.trim());
          return;
        }
        if (shown) shown.remove();
        form.before(document.adoptNode(problems));
        rest("");
        problems.focus();
      });
      request.addEventListener("error", function () { rest(form.dataset.lost); });
      request.open("POST", location.href);
      request.setRequestHeader("Accept", "text/html");
      request.send(new FormData(form));
    });
  }

  prepare();
})();
