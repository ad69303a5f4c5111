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
function followClip(figure) {
  const clip = figure.querySelector("video"), rate = Number(figure.dataset.rate);
  const line = figure.querySelector(".timeline"), cursor = line.querySelector(".cursor");
  if (!clip) return cursor.remove();
  const drawPoses = posesOver(figure, clip);
  const move = () => {
    const frame = Math.min(Math.floor(clip.currentTime * rate + 1e-6), Number(line.dataset.last));
    cursor.setAttribute("transform", `translate(${Number(line.dataset.start) + (frame + 0.5) * Number(line.dataset.step)} 0)`);
    drawPoses(frame);
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
  figure.addEventListener("annotated", move);
  move();
  for (const mark of figure.querySelectorAll("[data-frame]")) {
    const go = () => seek(Number(mark.dataset.frame));
    mark.addEventListener("click", go);
    if (mark.tagName !== "BUTTON") mark.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); go(); }
    });
  }
}
/* Annotated poses: records of 32 uint16, the frame, the identity, and x and y of 15 joints as shares of the sides. */
const LARGEST = 65535;
function unpacked(text) {
  const values = new Uint16Array(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer), of = new Map();
  for (let start = 0; start < values.length; start += 32) {
    const [frame, person, ...xy] = values.subarray(start, start + 32);
    if (!of.has(frame)) of.set(frame, []);
    of.get(frame).push({ person, xy });
  }
  return of;
}
function posesOver(figure, clip) {
  if (!figure.dataset.poses) return () => {};
  const bones = figure.closest(".clips").dataset.bones.split(",").map((bone) => bone.split("-").map(Number));
  let canvas = null, poses = null;
  return (frame) => {
    const isOn = document.querySelector(".annotated").checked;
    if (!canvas && !isOn) return;
    if (!canvas) {
      canvas = document.createElement("canvas");
      canvas.setAttribute("role", "img");
      clip.after(canvas);
      poses = unpacked(figure.dataset.poses);
    }
    canvas.hidden = !isOn;
    if (!isOn) return;
    const shown = poses.get(frame) || [], box = canvas.getBoundingClientRect(), ratio = devicePixelRatio;
    canvas.width = box.width * ratio;
    canvas.height = box.height * ratio;
    canvas.setAttribute("aria-label", `Annotated poses in frame ${frame}: ${shown.length}`);
    canvas.dataset.shown = shown.length;
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    for (const pose of shown) drawPose(pen, pose, bones, box);
  };
}
function drawPose(pen, { person, xy }, bones, { width, height }) {
  const at = (joint) => [xy[2 * joint] / (LARGEST - 1) * width, xy[2 * joint + 1] / (LARGEST - 1) * height];
  const isKnown = (joint) => xy[2 * joint] !== LARGEST;
  for (const [colour, breadth, dash] of [["#000c", 4, []], ["#fff", 2, [5, 3]]]) {
    pen.strokeStyle = colour;
    pen.lineWidth = breadth;
    pen.setLineDash(dash);
    pen.beginPath();
    for (const [start, end] of bones) if (isKnown(start) && isKnown(end)) { pen.moveTo(...at(start)); pen.lineTo(...at(end)); }
    pen.stroke();
  }
  const known = [...Array(15).keys()].filter(isKnown);
  if (!known.length || person === LARGEST) return;
  const [x, y] = known.map(at).reduce((low, point) => point[1] < low[1] ? point : low);
  pen.setLineDash([]);
  pen.font = "bold 12px system-ui, sans-serif";
  pen.textAlign = "center";
  pen.lineWidth = 3;
  pen.strokeStyle = "#000c";
  pen.fillStyle = "#fff";
  const middle = Math.min(Math.max(x, 14), width - 14), foot = Math.max(y - 16, 12);
  pen.strokeText(`P${person}`, middle, foot);
  pen.fillText(`P${person}`, middle, foot);
}
/* Of many videos a page shows a few; the others wait in templates until their page or their name is asked for. */
for (const list of document.querySelectorAll(".clips")) {
  const entries = [...list.children], size = Number(list.dataset.atOnce), chooser = document.querySelector(".chooser");
  const find = chooser && chooser.querySelector(".find"), annotated = chooser && chooser.querySelector(".annotated");
  let first = 0, wanted = entries.map((_, index) => index);
  const started = new Set();
  const start = (index) => {
    if (started.has(index)) return;
    started.add(index);
    if (entries[index].tagName === "TEMPLATE") {
      const figure = entries[index].content.firstElementChild;
      entries[index].replaceWith(figure);
      entries[index] = figure;
    }
    if (entries[index].matches(".timed")) followClip(entries[index]);
  };
  const show = () => {
    const now = new Set(wanted.slice(first, first + size));
    entries.forEach((entry, index) => {
      if (entry.tagName !== "TEMPLATE") entry.hidden = !now.has(index);
      const clip = entry.hidden && entry.querySelector("video");
      if (clip) clip.pause();
    });
    for (const index of now) start(index);
    if (!find) return;
    const last = Math.min(first + size, wanted.length);
    const total = wanted.length === entries.length ? `${entries.length}` : `${wanted.length} found`;
    chooser.querySelector("output").textContent = wanted.length ? `Videos ${first + 1} to ${last} of ${total}` : "No such video";
    chooser.querySelector(".back").disabled = first === 0;
    chooser.querySelector(".on").disabled = last >= wanted.length;
  };
  if (find) {
    const turn = (step) => { first += step * size; show(); };
    chooser.querySelector(".back").addEventListener("click", () => turn(-1));
    chooser.querySelector(".on").addEventListener("click", () => turn(1));
    find.addEventListener("input", () => {
      const text = find.value.trim().toLowerCase();
      wanted = entries.map((_, index) => index).filter((index) => entries[index].dataset.words.toLowerCase().includes(text));
      first = 0;
      show();
    });
  }
  if (annotated) annotated.addEventListener("change", () => {
    for (const figure of list.querySelectorAll(".timed")) figure.dispatchEvent(new Event("annotated"));
  });
  show();
  /* A name in the table leads to its video. */
  const position = new Map(entries.map((entry, index) => [entry.dataset.video, index]));
  for (const cell of list.closest("section").querySelectorAll("tbody th[scope=row]")) {
    const index = position.get(cell.textContent);
    if (index === undefined) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "link";
    button.append(...cell.childNodes);
    cell.append(button);
    button.addEventListener("click", () => {
      if (find) find.value = "";
      wanted = entries.map((_, index) => index);
      first = Math.floor(index / size) * size;
      show();
      entries[index].tabIndex = -1;
      entries[index].focus({ preventScroll: true });
      entries[index].scrollIntoView({ block: "center" });
    });
  }
}
/* Of the maps of a pose those of a single joint are shown, by a button or the arrow keys. */
for (const set of document.querySelectorAll(".joint-maps")) {
  const buttons = [...set.querySelectorAll(".joint-names button")], joints = [...set.querySelectorAll(".joint")];
  const choose = (chosen) => {
    buttons.forEach((button, index) => button.setAttribute("aria-pressed", index === chosen));
    joints.forEach((joint, index) => { joint.hidden = index !== chosen; });
  };
  buttons.forEach((button, index) => {
    button.addEventListener("click", () => choose(index));
    button.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = (index + step + buttons.length) % buttons.length;
      event.preventDefault();
      choose(next);
      buttons[next].focus();
    });
  });
  choose(0);
}
/* Paper has neither folds nor the controls of players. */
let folded = [], controlled = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("details:not([open])")];
  controlled = [...document.querySelectorAll("video[controls]")];
  for (const fold of folded) fold.open = true;
  for (const clip of controlled) clip.controls = false;
});
addEventListener("afterprint", () => {
  for (const fold of folded) fold.open = false;
  for (const clip of controlled) clip.controls = true;
});
