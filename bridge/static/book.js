// Booking: models are suggested while their name is typed, and what is wrong gets the focus.
// Without this file the search button and the page do the same.
(() => {
  "use strict";
  const problem = document.getElementById("problem");
  if (problem) problem.focus();

  const field = document.getElementById("model");
  const list = document.getElementById("models");
  const told = document.getElementById("found");
  if (!field || !list || !told) return;
  const WAIT_MS = 200;
  let timer = null;
  let asked = 0;

  function choice(model) {
    const button = document.createElement("button");
    button.name = "model";
    button.value = model.slug;
    button.className = "choice";
    const name = document.createElement("span");
    name.textContent = `${model.brand} ${model.name}`;
    const more = document.createElement("span");
    more.className = "hint";
    more.textContent = [model.year, ...model.model_numbers.slice(0, 3)].join(" · ");
    button.append(name, " ", more);
    const item = document.createElement("li");
    item.append(button);
    return item;
  }

  async function suggest() {
    const q = field.value.trim();
    const mine = ++asked;
    if (q.length < 2) return;
    const address = new URL(field.dataset.source, location.href);
    address.searchParams.set("q", q);
    address.searchParams.set("limit", "8");
    if (field.dataset.category) address.searchParams.set("category", field.dataset.category);
    const answer = await fetch(address).catch(() => null);
    if (!answer || !answer.ok || mine !== asked) return;
    const { data } = await answer.json();
    list.replaceChildren(...data.map(choice));
    told.textContent = data.length ? `${told.dataset.some} ${data.length}` : told.dataset.none;
    told.classList.toggle("unseen", data.length > 0);
  }

  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(suggest, WAIT_MS);
  });
})();
