"use strict";
document.documentElement.classList.add("scripted");

/* A click on a heading sorts by its column: numbers by value, texts by letters, absent values last. */
function compare(a, b, sign) {
  if (a === "" || b === "") return (a === "") - (b === "");
  const difference = Number(a) - Number(b);
  return sign * (Number.isNaN(difference) ? a.localeCompare(b) : difference);
}
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const isNumber = head.classList.contains("number");
    const before = head.getAttribute("aria-sort");
    const order = before ? (before === "descending" ? "ascending" : "descending") : (isNumber ? "descending" : "ascending");
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", order);
    const sign = order === "ascending" ? 1 : -1, body = table.tBodies[0];
    const value = (row) => row.cells[column].dataset.sort;
    body.append(...[...body.rows].sort((a, b) => compare(value(a), value(b), sign)));
  }));
}

/* The clip at the top plays without the player's controls, by a button below it; who asked for less motion starts it. */
for (const clip of document.querySelectorAll(".hero video")) {
  const button = document.createElement("button");
  button.type = "button";
  const name = () => { button.textContent = clip.paused ? "Play" : "Pause"; };
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) { clip.autoplay = false; clip.pause(); }
  clip.controls = false;
  clip.style.aspectRatio = clip.dataset.picture;
  button.addEventListener("click", () => clip.paused ? clip.play() : clip.pause());
  clip.addEventListener("play", name);
  clip.addEventListener("pause", name);
  name();
  clip.after(button);
}
/* The clips of two runs play together, the second in step with the first. */
for (const figure of document.querySelectorAll(".compared")) {
  const [first, second] = figure.querySelectorAll("video"), button = figure.querySelector("button");
  first.addEventListener("timeupdate", () => {
    if (Math.abs(second.currentTime - first.currentTime) > 0.05) second.currentTime = first.currentTime;
  });
  button.addEventListener("click", () => {
    const isPlaying = !first.paused;
    for (const clip of [first, second]) isPlaying ? clip.pause() : clip.play();
    if (!isPlaying) second.currentTime = first.currentTime;
    button.textContent = isPlaying ? "Play both" : "Pause both";
  });
}
/* A timeline's cursor follows its clip; a mark or a button leads the clip to its frame. */
for (const figure of document.querySelectorAll(".timed")) {
  const clip = figure.querySelector("video"), rate = Number(figure.dataset.rate);
  const line = figure.querySelector(".timeline"), cursor = line.querySelector(".cursor");
  const move = () => {
    const frame = Math.min(Math.floor(clip.currentTime * rate + 1e-6), Number(line.dataset.last));
    cursor.setAttribute("transform", `translate(${Number(line.dataset.start) + (frame + 0.5) * Number(line.dataset.step)} 0)`);
  };
  const follow = () => { move(); if (!clip.paused) requestAnimationFrame(follow); };
  const seek = (frame) => {
    const go = () => { clip.currentTime = (frame + 0.5) / rate; };
    clip.pause();
    if (clip.readyState > 0) return go();
    clip.addEventListener("loadedmetadata", go, { once: true });
    clip.preload = "auto";
    clip.load();
  };
  clip.addEventListener("play", follow);
  for (const event of ["seeking", "seeked", "timeupdate"]) clip.addEventListener(event, move);
  move();
  for (const mark of figure.querySelectorAll("[data-frame]")) {
    const go = () => seek(Number(mark.dataset.frame));
    mark.addEventListener("click", go);
    if (mark.tagName !== "BUTTON") mark.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); go(); }
    });
  }
}
/* Paper has no folds. */
addEventListener("beforeprint", () => { for (const fold of document.querySelectorAll("details")) fold.open = true; });
