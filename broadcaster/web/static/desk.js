"use strict";
// Pages work without this file. It shows live progress, folds the menu on a phone, and keeps a form from being sent twice.

for (const place of document.querySelectorAll("[data-live]")) {
  const source = new EventSource(place.dataset.live);
  source.addEventListener("part", (event) => {
    const held = document.activeElement;
    if (place.contains(held) && held !== document.body) return; // never under somebody's fingers
    place.innerHTML = event.data; // from our own server, escaped there
  });
  source.addEventListener("end", () => { source.close(); location.reload(); });
  window.addEventListener("pagehide", () => source.close());
}

if (window.matchMedia("(max-width: 52rem)").matches) {
  for (const fold of document.querySelectorAll("details.fold")) fold.open = false;
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = "yes";
  setTimeout(() => delete form.dataset.sent, 3000); // a form that answers with a file leaves the page where it is
});
window.addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});

for (const lead of document.querySelectorAll("select[data-shows]")) {
  const choose = () => {
    for (const part of document.querySelectorAll(`[data-for="${lead.id}"]`)) part.hidden = part.dataset.when !== lead.value;
  };
  lead.addEventListener("change", choose);
  choose();
}

const trouble = document.querySelector(".trouble[tabindex]");
if (trouble) trouble.focus();
