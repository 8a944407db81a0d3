"use strict";
// what a bar says stands in its title, which browsers show late and phones not at all: here it is
// shown at once, for a pointer, a finger and the arrow keys
const tip = document.getElementById("tip");
let pointed = null;

function show(bar) {
  if (bar === pointed) return;
  pointed?.classList.remove("pointed");
  pointed = bar;
  tip.hidden = !bar;
  if (!bar) return;
  bar.classList.add("pointed");
  tip.textContent = bar.dataset.said;
  const at = bar.getBoundingClientRect();
  const box = tip.getBoundingClientRect();
  const left = Math.min(at.left + at.width / 2 - box.width / 2, innerWidth - box.width - 8);
  tip.style.left = `${Math.max(8, left)}px`;
  tip.style.top = `${at.top > box.height + 12 ? at.top - box.height - 6 : at.bottom + 6}px`;
}

for (const title of document.querySelectorAll(".bar title")) {
  title.closest(".bar").dataset.said = title.textContent;
  title.remove();
}
addEventListener("pointerover", (event) => show(event.target.closest?.(".bar") ?? null));
addEventListener("scroll", () => show(null), { passive: true });
for (const chart of document.querySelectorAll(".trend")) {
  const bars = [...chart.querySelectorAll(".bar")];
  chart.addEventListener("blur", () => show(null));
  chart.addEventListener("keydown", (event) => {
    const at = bars.indexOf(pointed);
    const to = {
      ArrowLeft: at < 0 ? bars.length - 1 : Math.max(0, at - 1),
      ArrowRight: at < 0 ? bars.length - 1 : Math.min(bars.length - 1, at + 1),
      Home: 0,
      End: bars.length - 1,
    }[event.key];
    if (event.key === "Escape") show(null);
    if (to === undefined) return;
    event.preventDefault();
    show(bars[to]);
  });
}
