"use strict";
// The page of `fxkit review`. Text of films is only ever set as textContent. Coordinates are pixels of the film.

const PAGE = 100;
const MOST_STEPS = 200; // of undo
const byId = id => document.getElementById(id);
const before = byId("before"), after = byId("after");
const SVG = "http://www.w3.org/2000/svg";

let film = null;            // as the server has it
let markers = [];           // as the person has them
let picked = -1;
let view = null;            // x, y, width, height of the film that both panes show
let drag = null;
let busy = false;
let listFirst = 0;
const drafts = new Map();   // film number -> {markers, undo, redo}, so that nothing is lost on the way to another film

const clone = value => JSON.parse(JSON.stringify(value));
const shape = list => JSON.stringify(list.map(({quad, text, style}) => [quad, text, style]));
const changed = () => film !== null && shape(markers) !== shape(film.markers);
const draft = () => drafts.get(film.number);

async function ask(path, body) {
  const options = body === undefined ? {} : {method: "POST", body: JSON.stringify(body)};
  let response;
  try { response = await fetch(path, options); }
  catch { throw new Error("fxkit review has stopped; start it again and open its new address"); }
  const text = await response.text();
  let answer;
  try { answer = JSON.parse(text); } catch { throw new Error(text.trim()); }
  if (!response.ok) throw new Error(answer.error ?? text);
  return answer;
}

function say(text, bad = false) {
  byId("status").textContent = text;
  byId("status").classList.toggle("bad", bad);
}

async function attempt(action) {
  if (busy) return;
  busy = true;
  document.body.classList.add("busy");
  try { await action(); } catch (error) { say(error.message, true); }
  busy = false;
  document.body.classList.remove("busy");
  draw();
}

// ---- films ----

const open = number => attempt(() => load(number));

async function load(number) {
  const loaded = await ask(`films/${number}`);
  takeFilm(loaded);
  location.replace(`#${number}`);
  view = null;
  picked = -1;
  say(film.error, true);
  await listFilms(false);
  prefetch(film.next ?? number + 1);
}

function takeFilm(loaded) {
  film = loaded;
  if (!drafts.has(film.number)) drafts.set(film.number, {markers: [...clone(film.markers), ...film.left.map(newMarker)], undo: [], redo: []});
  markers = draft().markers;
}

const newMarker = quad => ({quad, text: "", style: "", confidence: 1, source: "person"});

function prefetch(number) {
  if (number >= Number(byId("progress").max)) return;
  ask(`films/${number}`).then(next => { for (const side of next.hidden ? ["after"] : ["before", "after"]) new Image().src = address(next, side); }, () => {});
}

const address = (of, side) => `films/${of.number}/${side}?v=${side === "before" ? 0 : of.version}`;

const save = () => attempt(async () => {
  if (film === null || film.width === 0) return;
  const edited = changed(), {hidden} = film;
  const sent = markers.map(({quad, text, style}) => ({quad, text, style}));
  const answer = await ask(`films/${film.number}${hidden ? "/left" : ""}`, {markers: sent, version: film.version});
  if (hidden) {
    drafts.delete(film.number);
    takeFilm(answer.film);
    picked = -1;
    return;
  }
  const {undo, redo} = draft();
  drafts.delete(film.number);
  takeFilm(answer.film);
  Object.assign(draft(), {undo, redo});
  picked = -1;
  showProgress(answer.progress);
  await listFilms(false);
  if (edited) say("Saved and cleaned again. Enter: next film.");
  else if (film.next !== null) { await load(film.next); say("Confirmed."); }
  else say("Confirmed. All films are judged.");
});

const step = by => film && open(Math.min(Math.max(film.number + by, 0), Number(byId("progress").max) - 1));

function showProgress(progress) {
  byId("judged").textContent = `${progress.judged} of ${progress.films} films judged`;
  byId("progress").max = progress.films;
  byId("progress").value = progress.judged;
  byId("progress").dataset.sample = progress.recall;
  if (progress.recall) byId("judged").textContent += `: ${progress.recall}`;
  byId("tune-text").textContent = `${progress.judged} judged films are the tuning set, confirmed.json. 20 to 50 films are enough. Stop fxkit review, then run:`;
  byId("tune-command").textContent = progress.tune;
}

async function listFilms(restart) {
  if (restart) listFirst = 0;
  const query = new URLSearchParams({first: listFirst, count: PAGE, show: byId("show").value, text: byId("text").value});
  const page = await ask(`films?${query}`);
  byId("list").replaceChildren(...page.films.map(entry => {
    const item = document.createElement("li"), button = document.createElement("button"), why = document.createElement("span");
    button.type = "button";
    button.textContent = `${entry.judged ? "✓ " : ""}${entry.name}`;
    why.className = "why";
    if (entry.reasons) why.textContent = [`${entry.markers} ${entry.markers === 1 ? "marker" : "markers"}`, ...entry.reasons].join(", ");
    button.append(why);
    button.onclick = () => { button.blur(); open(entry.number); };
    button.setAttribute("aria-current", String(film !== null && entry.number === film.number));
    item.append(button);
    return item;
  }));
  byId("count").textContent = page.total ? `${listFirst + 1}–${listFirst + page.films.length} of ${page.total}` : "none";
  byId("back").disabled = listFirst === 0;
  byId("further").disabled = listFirst + PAGE >= page.total;
  byId("list").querySelector("[aria-current=true]")?.scrollIntoView({block: "nearest"});
}

// ---- edits ----

function edit(change) {
  if (film === null || film.width === 0) return;
  const {undo} = draft(), old = clone(markers);
  change();
  if (shape(old) === shape(markers)) return;
  keepStep(undo, old);
  draft().redo = [];
}

function keepStep(steps, list) {
  steps.push(list);
  if (steps.length > MOST_STEPS) steps.shift();
}

function travel(from, to) {
  if (film === null || draft()[from].length === 0) return;
  keepStep(draft()[to], clone(markers));
  setMarkers(draft()[from].pop());
  picked = Math.min(picked, markers.length - 1);
}

function setMarkers(list) {
  markers = list;
  draft().markers = list;
}

function add(quad) {
  edit(() => markers.push(newMarker(quad)));
  picked = markers.length - 1;
}

function addInMiddle() {
  if (!view) return;
  const [x, y] = [view.x + view.width / 2, view.y + view.height / 2], [w, h] = [view.width / 16, view.height / 24];
  add(boxOf([x - w, y - h], [x + w, y + h]));
}

function boxOf([x0, y0], [x1, y1]) {
  const [left, right] = [Math.min(x0, x1), Math.max(x0, x1)], [top, bottom] = [Math.min(y0, y1), Math.max(y0, y1)];
  return [[left, top], [right, top], [right, bottom], [left, bottom]];
}

function remove() {
  if (picked < 0) return;
  edit(() => markers.splice(picked, 1));
  picked = Math.min(picked, markers.length - 1);
}

function reshape(points) {
  if (picked >= 0) edit(() => { markers[picked].quad = markers[picked].quad.map(points); });
}

const moveBy = (dx, dy) => reshape(([x, y]) => [x + dx, y + dy]);

function growBy(dx, dy) {
  if (picked < 0) return;
  const {quad} = markers[picked], [cx, cy] = centre(quad);
  reshape(([x, y]) => [x > cx ? Math.max(x + dx, cx + 1) : x, y > cy ? Math.max(y + dy, cy + 1) : y]);
}

function turnBy(degrees) {
  if (picked < 0) return;
  const [cx, cy] = centre(markers[picked].quad), angle = degrees * Math.PI / 180, [c, s] = [Math.cos(angle), Math.sin(angle)];
  reshape(([x, y]) => [cx + c * (x - cx) - s * (y - cy), cy + s * (x - cx) + c * (y - cy)]);
}

const centre = quad => [0, 1].map(axis => quad.reduce((sum, point) => sum + point[axis], 0) / 4);

function setStyle(style) {
  if (picked >= 0) edit(() => { markers[picked].style = style; });
}

// ---- drawing ----

function make(name, attributes, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const pointsOf = quad => quad.map(point => point.join(",")).join(" ");

function outline(quad, className, inner = []) {
  const points = pointsOf(quad);
  return make("g", {class: className}, make("polygon", {class: "halo", points}), make("polygon", {class: "edge", points}), ...inner);
}

function draw() {
  for (const [id, usable] of [["delete", picked >= 0], ["style", picked >= 0], ["marker-text", picked >= 0], ["undo", film && draft().undo.length], ["redo", film && draft().redo.length], ["save", film && film.width], ["add", film && film.width]])
    byId(id).disabled = !usable;
  if (film === null) return;
  byId("name").textContent = film.name;
  byId("place").textContent = `film ${film.number + 1} of ${byId("progress").max}${film.judged ? ", judged" : ""}${changed() ? ", not saved" : ""}`;
  byId("reasons").replaceChildren(...film.reasons.map(why => Object.assign(document.createElement("span"), {textContent: why})));
  byId("save").firstChild.textContent = film.hidden ? (changed() ? "This is left " : "Nothing is left ") : changed() ? "Save and clean " : "Confirm ";
  showTask();
  byId("style").value = picked >= 0 ? markers[picked].style : "";
  if (document.activeElement !== byId("marker-text")) byId("marker-text").value = picked >= 0 ? markers[picked].text : "";
  document.title = `${film.name} – fxkit review`;
  const sides = {copied: "after – no marker was erased", masked: "mask", failed: "after – not cleaned"};
  byId("after-name").textContent = `${sides[film.status] ?? "after"}${changed() ? " – of the saved markers" : ""}`;
  if (film.width === 0) { before.replaceChildren(); after.replaceChildren(); return; }
  view ??= {x: 0, y: 0, width: film.width, height: film.height};
  drawPane(before, film.hidden ? "after" : "before", [...(pressed("mask") ? [erased()] : []), make("g", {class: "shapes"}, ...markers.map(markerShape))]);
  const left = film.residual.map(({quad}) => outline(quad, "residual"));
  if (!film.hidden) drawPane(after, film.status === "failed" ? null : "after", [...(pressed("mask") ? [erased()] : []), make("g", {class: "shapes"}, ...left)]);
  document.body.classList.toggle("no-outlines", !pressed("outlines"));
}

function showTask() {
  const task = byId("task");
  task.hidden = !byId("progress").dataset.sample;
  task.textContent = film.hidden
    ? "1 of 2: This is the cleaned film. Draw a box around every marker, letter or part of one that you still see. Then press Enter."
    : film.judged ? "Judged." : "2 of 2: This is the film before and after cleaning, with the markers that were found and your boxes. Correct them, then press Enter.";
  byId("after-pane").hidden = film.hidden;
  document.querySelector(".panes").classList.toggle("single", film.hidden || film.width > 1.3 * film.height);
  byId("before-name").textContent = `${film.hidden ? "cleaned film" : "before"} – drag on the film to draw a marker`;
}

const pressed = id => byId(id).getAttribute("aria-pressed") === "true";
const erased = () => make("path", {class: "erased", d: film.mask});

function drawPane(svg, side, shapes) {
  svg.setAttribute("viewBox", `${view.x} ${view.y} ${view.width} ${view.height}`);
  const href = side && address(film, side);
  let image = svg.querySelector("image");
  if (image?.getAttribute("href") !== href) image = href && make("image", {href, width: film.width, height: film.height, preserveAspectRatio: "none"});
  svg.replaceChildren(...(image ? [image] : []), ...shapes);
}

const pixel = () => view.width / Math.max(1, Math.min(before.clientWidth, before.clientHeight * view.width / view.height));

function markerShape(marker, index) {
  const isPicked = index === picked, size = pixel();
  const body = make("polygon", {class: "marker", points: pointsOf(marker.quad), "data-marker": index});
  const [x, y] = [Math.min(...marker.quad.map(p => p[0])), Math.min(...marker.quad.map(p => p[1]))];
  const label = [marker.style, marker.text && `“${marker.text}”`, marker.source === "person" ? "" : marker.confidence.toFixed(2)].filter(Boolean).join(" ");
  const tag = make("text", {class: "tag", x, y: y - 5 * size, "font-size": 13 * size, "stroke-width": 3 * size}, label);
  const corners = isPicked ? marker.quad.map(([cx, cy], corner) => make("circle", {class: "corner", cx, cy, r: 6 * size, "data-marker": index, "data-corner": corner})) : [];
  return outline(marker.quad, isPicked ? "picked" : "", [body, tag, ...corners]);
}

// ---- pointer ----

function place(event, svg) {
  const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
  return [point.x, point.y];
}

const round = ([x, y]) => [Math.round(x * 100) / 100, Math.round(y * 100) / 100];

before.onpointerdown = event => {
  if (film === null || film.width === 0 || busy || event.button === 2) return;
  const start = place(event, before), {marker, corner} = event.target.dataset;
  document.activeElement.blur();
  before.setPointerCapture(event.pointerId);
  const old = clone(markers);
  if (corner !== undefined) drag = {kind: "corner", corner: Number(corner), start, old};
  else if (marker !== undefined) { picked = Number(marker); drag = {kind: "move", start, old}; }
  else { picked = -1; drag = {kind: "draw", start, old}; }
  draw();
};

before.onpointermove = event => {
  if (!drag) return;
  const point = place(event, before), {kind, start, old} = drag, size = pixel();
  if (kind === "corner") markers[picked].quad[drag.corner] = round(point);
  else if (kind === "move") markers[picked].quad = old[picked].quad.map(([x, y]) => round([x + point[0] - start[0], y + point[1] - start[1]]));
  else if (Math.hypot(point[0] - start[0], point[1] - start[1]) > 4 * size) {
    const quad = boxOf(inside(start), inside(point)).map(round);
    if (picked < 0) { markers.push(newMarker(quad)); picked = markers.length - 1; }
    else markers[picked].quad = quad;
  }
  draw();
};

const inside = ([x, y]) => [Math.min(Math.max(x, 0), film.width), Math.min(Math.max(y, 0), film.height)];

before.onpointerup = before.onpointercancel = () => {
  if (!drag) return;
  const {old} = drag;
  drag = null;
  if (shape(old) !== shape(markers)) { keepStep(draft().undo, old); draft().redo = []; }
  draw();
};

for (const svg of [before, after]) {
  let pan = null;
  svg.addEventListener("contextmenu", event => event.preventDefault());
  svg.addEventListener("wheel", event => {
    event.preventDefault();
    if (view) zoom(event.deltaY < 0 ? 1.25 : 0.8, place(event, svg));
  }, {passive: false});
  svg.addEventListener("pointerdown", event => {
    if (event.button !== 2 && svg === before) return;
    pan = place(event, svg);
    svg.setPointerCapture(event.pointerId);
  });
  svg.addEventListener("pointermove", event => {
    if (!pan || !view) return;
    const [x, y] = place(event, svg);
    view.x += pan[0] - x;
    view.y += pan[1] - y;
    draw();
  });
  for (const end of ["pointerup", "pointercancel"]) svg.addEventListener(end, () => { pan = null; });
}

function zoom(factor, [x, y] = [view.x + view.width / 2, view.y + view.height / 2]) {
  const width = Math.min(Math.max(view.width / factor, 20), film.width * 2), scale = width / view.width;
  view = {x: x - (x - view.x) * scale, y: y - (y - view.y) * scale, width, height: view.height * scale};
  draw();
}

// ---- controls ----

function offerStyles(names) {
  const styles = [...names, ""];
  for (const style of styles) byId("style").add(new Option(style || "unknown", style));
  styles.forEach((style, index) => { actions[index + 1] = () => setStyle(style); });
  byId("style-keys").textContent = `1 – ${styles.length}`;
  byId("style-names").textContent = `style: ${names.join(", ")}, unknown`;
}

const toggle = id => byId(id).setAttribute("aria-pressed", String(!pressed(id)));
const pick = by => { if (markers.length) picked = (picked + by + markers.length + (picked < 0 && by < 0 ? 1 : 0)) % markers.length; };
const actions = {
  Enter: save, ArrowRight: () => step(1), ArrowLeft: () => step(-1), PageDown: () => step(1), PageUp: () => step(-1),
  n: () => film && film.next !== null && open(film.next), a: addInMiddle, ".": () => pick(1), ",": () => pick(-1),
  Delete: remove, Backspace: remove, u: () => travel("undo", "redo"), r: () => travel("redo", "undo"),
  o: () => toggle("outlines"), m: () => toggle("mask"), 0: () => { view = null; }, "+": () => view && zoom(1.25), "=": () => view && zoom(1.25),
  "-": () => view && zoom(0.8), "[": () => turnBy(-5), "]": () => turnBy(5), Escape: () => { picked = -1; }, "?": () => byId("help").showModal(),
};
const arrows = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};

function run(action) {
  if (busy || drag) return;
  action();
  draw();
}

document.addEventListener("keydown", event => {
  if (document.querySelector("dialog[open]") || /^(INPUT|SELECT)$/.test(event.target.tagName)) return;
  if (event.target.tagName === "BUTTON" && [" ", "Enter"].includes(event.key)) return;
  const command = event.ctrlKey || event.metaKey;
  let action = null;
  if (event.shiftKey && arrows[event.key]) {
    const [dx, dy] = arrows[event.key].map(by => by * Math.max(1, Math.round(pixel())));
    action = () => (command ? growBy : moveBy)(dx, dy);
  } else if (command) {
    action = {z: () => travel("undo", "redo"), Z: () => travel("redo", "undo"), y: () => travel("redo", "undo")}[event.key];
  } else if (!event.altKey) action = actions[event.key];
  if (!action) return;
  event.preventDefault();
  run(action);
});

const buttons = {save, add: addInMiddle, delete: remove, undo: actions.u, redo: actions.r, outlines: actions.o, mask: actions.m, fit: actions[0], previous: actions.ArrowLeft, next: actions.ArrowRight};
for (const [id, action] of Object.entries(buttons)) byId(id).onclick = () => { byId(id).blur(); run(action); };
byId("style").onchange = event => { run(() => setStyle(event.target.value)); event.target.blur(); };
byId("marker-text").onchange = event => run(() => { if (picked >= 0) edit(() => { markers[picked].text = event.target.value; }); });
byId("marker-text").onkeydown = event => { if (["Enter", "Escape"].includes(event.key)) event.target.blur(); };
byId("open-help").onclick = () => byId("help").showModal();
byId("open-tune").onclick = () => byId("tune").showModal();
byId("copy").onclick = () => navigator.clipboard.writeText(byId("tune-command").textContent);
byId("show").onchange = () => { byId("show").blur(); attempt(() => listFilms(true)); };
let typing;
byId("text").oninput = () => { clearTimeout(typing); typing = setTimeout(() => attempt(() => listFilms(true)), 200); };
byId("back").onclick = () => { listFirst = Math.max(0, listFirst - PAGE); attempt(() => listFilms(false)); };
byId("further").onclick = () => { listFirst += PAGE; attempt(() => listFilms(false)); };
addEventListener("beforeunload", event => {
  const {number} = film ?? {};
  if (number !== undefined && changed()) event.preventDefault();
});
addEventListener("resize", draw);

attempt(async () => {
  const progress = await ask("progress");
  offerStyles(progress.styles);
  showProgress(progress);
  const wanted = Number(location.hash.slice(1));
  await load(Number.isInteger(wanted) && wanted >= 0 && wanted < byId("progress").max ? wanted : 0);
  if (location.hash === "#0" && film.judged && film.next !== null) await load(film.next);
});
