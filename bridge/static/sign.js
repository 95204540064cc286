// Lets a finger or pen draw a signature. Without it the typed name is enough.
"use strict";

(function () {
  const form = document.getElementById("sign-form");
  const canvas = form && form.querySelector("canvas");
  if (!canvas || !canvas.getContext || !window.PointerEvent) return;
  const pen = canvas.getContext("2d");
  const field = form.querySelector("input[name=drawing]");
  const mostPoints = 4000, mostLines = 200;
  let lines = [], points = 0, line = null;

  function draw() {
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.strokeStyle = getComputedStyle(canvas).color;
    pen.lineWidth = 3;
    pen.lineCap = pen.lineJoin = "round";
    for (const one of lines) {
      pen.beginPath();
      one.forEach(function (point, number) {
        if (number) pen.lineTo(point[0], point[1]);
        else pen.moveTo(point[0], point[1]);
      });
      pen.stroke();
    }
  }

  function place(event) {
    const box = canvas.getBoundingClientRect();
    const x = Math.round((event.clientX - box.left) * canvas.width / box.width);
    const y = Math.round((event.clientY - box.top) * canvas.height / box.height);
    return [Math.min(Math.max(x, 0), canvas.width), Math.min(Math.max(y, 0), canvas.height)];
  }

  function add(event) {
    const next = place(event), last = line[line.length - 1];
    if (points >= mostPoints || (last && last[0] === next[0] && last[1] === next[1])) return;
    line.push(next);
    points += 1;
    draw();
  }

  canvas.addEventListener("pointerdown", function (event) {
    if (!event.isPrimary || lines.length >= mostLines) return;
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    line = [];
    lines.push(line);
    add(event);
  });
  canvas.addEventListener("pointermove", function (event) {
    if (line && event.isPrimary) add(event);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, function () {
      line = null;
      field.value = JSON.stringify(lines);
    });
  }
  form.querySelector("button.quiet").addEventListener("click", function () {
    lines = [];
    points = 0;
    field.value = "";
    draw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  document.getElementById("drawing").hidden = false;
})();
