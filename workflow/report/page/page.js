// What the page does beyond showing its tables: sorting, filtering, figures, one assay in a sheet.
// Texts of the data only ever become text nodes and attributes, never markup.
(() => {
"use strict";

const byId = (id) => document.getElementById(id);
const read = (id) => JSON.parse(byId(id).textContent);
const { methods, assays, pairs, pair, trainings, examplesOf, demo, resamples } = read("drawn");
const ALPHA = 0.05;
const CORRECTIONS = { 2: "uncorrected", 3: "corrected by Benjamini and Hochberg", 4: "corrected by Holm" };
let pictures = null;

// Elements

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "colour") node.style.setProperty("--colour", value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}
const el = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
const draw = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
// A long name breaks after its underscores rather than within a word.
const breakable = (name) => name.split(/(?<=_)/).flatMap((piece) => [el("wbr"), piece]);
const swatch = (colour) => el("i", { class: colour ? "swatch" : "swatch plain", colour });
const say = (text) => { byId("announce").textContent = text; };

// Numbers

const fixed = (value, decimals = 3) =>
  value === null || value === undefined ? "–" : value.toFixed(decimals).replace("-", "\u2212");
const whole = (value) => (value === null || value === undefined ? "–" : value.toLocaleString("en"));
function formatP(value) {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "0";
  if (value >= 0.001) return value.toFixed(value < 0.1 ? 3 : 2);
  const [digits, exponent] = value.toExponential(1).split("e");
  const raised = [...String(Number(exponent))].map((sign) => (sign === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[sign]));
  return `${digits} × 10${raised.join("")}`;
}
const classes = (counts) => (counts ? `${whole(counts[0])} active, ${whole(counts[1])} inactive` : "–");

// Theme

const THEMES = ["system", "light", "dark"];
function setTheme(theme) {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  byId("theme").querySelector("span").textContent = theme;
}
function startTheme() {
  const button = byId("theme");
  let theme = "system";
  // A page in a file may not be allowed to keep anything.
  try { theme = localStorage.getItem("paintassay-theme") || theme; } catch { /* stays as it is */ }
  setTheme(THEMES.includes(theme) ? theme : "system");
  button.hidden = false;
  button.addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    setTheme(theme);
    try { localStorage.setItem("paintassay-theme", theme); } catch { /* for this visit only */ }
  });
}

// Tables

function valueOf(row, column, kind) {
  const cell = row.cells[column];
  const text = cell.dataset.value ?? cell.textContent.trim();
  if (text === "") return null;
  return kind === "number" ? Number(text) : text;
}
function sortTable(table, head, descending) {
  const { sort: kind } = head.dataset;
  const sign = descending ? -1 : 1;
  const rows = [...table.tBodies[0].rows].map((row) => [valueOf(row, head.cellIndex, kind), row]);
  rows.sort(([a], [b]) => {
    // What is missing stays at the end, whichever way.
    if (a === null || b === null) return (a === null) - (b === null);
    return sign * (kind === "number" ? a - b : a.localeCompare(b, "en", { numeric: true }));
  });
  table.tBodies[0].append(...rows.map(([, row]) => row));
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", descending ? "descending" : "ascending");
  say(`Sorted by ${head.textContent}, ${descending ? "descending" : "ascending"}`);
}
function startSorting() {
  for (const head of document.querySelectorAll("th[data-sort]")) {
    const button = el("button", { type: "button" }, [...head.childNodes]);
    head.append(button);
    button.addEventListener("click", () => {
      const now = head.getAttribute("aria-sort");
      const first = head.dataset.sort === "number" ? "descending" : "ascending";
      const next = now ? (now === "ascending" ? "descending" : "ascending") : first;
      sortTable(head.closest("table"), head, next === "descending");
    });
  }
}
function startWilcoxon() {
  const choice = byId("wilcoxon-choice");
  if (!choice) return;
  choice.hidden = false;
  const captions = {
    pvalue: "p-values, uncorrected as in the paper,",
    holm: "p-values, corrected by Holm,",
    benjamini_hochberg: "p-values, corrected by Benjamini and Hochberg,",
    effect_size: "Effect sizes",
    median_difference: "Medians over the tasks of the difference in AUC",
    pairs: "Numbers of tasks in which both methods have an AUC,",
  };
  choice.addEventListener("change", (event) => {
    const name = event.target.value;
    const test = ["pvalue", "holm", "benjamini_hochberg"].includes(name);
    byId("wilcoxon-caption").textContent = captions[name];
    for (const cell of byId("table-2").querySelectorAll("td[data-pvalue]")) {
      const text = cell.getAttribute(`data-${name}`);
      const value = text === "" ? null : Number(text);
      cell.dataset.value = text;
      cell.textContent = test ? formatP(value) : name === "pairs" ? whole(value) : fixed(value);
      cell.classList.toggle("significant", test && value !== null && value < 0.01);
    }
    for (const head of byId("table-2").tHead.rows[0].cells) head.removeAttribute("aria-sort");
  });
}

// All assays

const rowsOfAssays = () => [...byId("table-assays").tBodies[0].rows];
function startAssays() {
  const input = byId("filter");
  input.parentElement.hidden = false;
  for (const row of rowsOfAssays()) {
    const title = row.querySelector(".title");
    const assay = assays[row.dataset.assay];
    const button = el("button", { type: "button", class: "open title", "aria-haspopup": "dialog" }, assay.title);
    title.replaceWith(button);
    row.addEventListener("click", () => {
      // Someone who marks text to copy it does not want the sheet.
      if (!String(getSelection())) openAssay(Number(row.dataset.assay), button);
    });
  }
  const words = assays.map((assay) =>
    [assay.title, assay.id, assay.target, assay.organism, assay.kind].join(" ").toLowerCase());
  const apply = () => {
    const wanted = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rowsOfAssays()) {
      row.hidden = !wanted.every((word) => words[row.dataset.assay].includes(word));
      shown += !row.hidden;
    }
    byId("filter-count").textContent = `${whole(shown)} of ${whole(assays.length)}`;
  };
  input.addEventListener("input", apply);
  apply();
}

// Two methods against each other

const versus = { x: 0, y: 1, correction: 2, shown: null, dots: [] };

function pairOf(x, y) {
  const found = pairs.find((each) => each.first === Math.min(x, y) && each.second === Math.max(x, y));
  if (!found) return null;
  const turn = x > y;
  const points = found.rows.map((row, assay) =>
    row && { assay, x: row[turn ? 1 : 0], y: row[turn ? 0 : 1], row });
  return { ...found, points: points.filter(Boolean) };
}
function verdict(point) {
  const p = point.row[versus.correction];
  if (p === null) return "untested";
  if (p >= ALPHA || point.x === point.y) return "none";
  return point.x > point.y ? "x" : "y";
}
function startVersus() {
  if (!byId("versus-plot")) return;
  [versus.x, versus.y] = pair;
  for (const axis of ["x", "y"]) {
    const select = byId(`versus-${axis}`);
    select.append(...methods.map((method, place) => el("option", { value: place }, method.name)));
    select.value = versus[axis];
    select.addEventListener("change", () => {
      const other = axis === "x" ? "y" : "x";
      // The same method twice says nothing: the two change places.
      if (Number(select.value) === versus[other]) {
        versus[other] = versus[axis];
        byId(`versus-${other}`).value = versus[other];
      }
      versus[axis] = Number(select.value);
      versus.shown = null;
      drawVersus();
    });
  }
  byId("versus-choice").addEventListener("change", (event) => {
    versus.correction = Number(event.target.value);
    drawVersus();
  });
  let width = 0;
  new ResizeObserver(() => {
    const now = byId("versus-plot").clientWidth;
    if (now && now !== width) { width = now; drawVersus(); }
  }).observe(byId("versus-plot"));
  drawVersus();
}
// A name that is longer than its axis, in the font that there is, ends in dots.
function shorten(text, room) {
  const whole = text.textContent;
  for (let kept = whole.length - 1; kept > 0 && text.getComputedTextLength() > room; kept -= 1) {
    text.textContent = `${whole.slice(0, kept)}…`;
  }
}
function axes(svg, scale, low, step, size, margin, names) {
  for (let tick = low; tick <= 1.0001; tick += step) {
    const at = scale(tick);
    const label = tick.toFixed(1);
    svg.append(
      draw("line", { class: "grid", x1: margin.left + at, x2: margin.left + at, y1: margin.top, y2: margin.top + size }),
      draw("line", { class: "grid", x1: margin.left, x2: margin.left + size, y1: margin.top + size - at, y2: margin.top + size - at }),
      draw("text", { x: margin.left + at, y: margin.top + size + 17, "text-anchor": "middle", "font-size": 12 }, label),
      draw("text", { x: margin.left - 8, y: margin.top + size - at + 4, "text-anchor": "end", "font-size": 12 }, label),
    );
  }
  svg.append(
    draw("text", { class: "name", x: margin.left + size / 2, y: margin.top + size + 38, "text-anchor": "middle", "font-size": 13 }, names[0]),
    draw("text", { class: "name", transform: `translate(17 ${margin.top + size / 2}) rotate(-90)`, "text-anchor": "middle", "font-size": 13 }, names[1]),
  );
}
function drawVersus() {
  const place = byId("versus-plot");
  const found = pairOf(versus.x, versus.y);
  const [first, second] = [methods[versus.x], methods[versus.y]];
  versus.dots = [];
  if (!found || !found.points.length) {
    place.replaceChildren(el("p", { class: "none" }, `${first.name} and ${second.name} have no task in which both can be measured in one run.`));
    byId("versus-legend").replaceChildren();
    byId("versus-text").textContent = "";
    byId("versus-caption").textContent = "";
    return;
  }
  const margin = { left: 54, right: 12, top: 8, bottom: 48 };
  const width = Math.min(place.clientWidth || 560, 576);
  const size = width - margin.left - margin.right;
  const lowest = Math.min(...found.points.map((point) => Math.min(point.x, point.y)));
  const low = Math.min(Math.floor(lowest * 10 + 1e-9) / 10, 0.4);
  const inset = 9;
  const scale = (value) => inset + (size - 2 * inset) * ((value - low) / (1 - low));
  const svg = draw("svg", {
    width, height: size + margin.top + margin.bottom, role: "group",
    viewBox: `0 0 ${width} ${size + margin.top + margin.bottom}`,
    "aria-label": `AUC of ${first.name} and of ${second.name}, a point a task. Arrow keys move between tasks.`,
  });
  axes(svg, scale, low, low < 0.15 ? 0.2 : 0.1, size, margin, [`AUC, ${first.name}`, `AUC, ${second.name}`]);
  const [left, bottom] = [margin.left, margin.top + size];
  svg.append(
    draw("line", { class: "axis-line", x1: left + scale(low), y1: bottom - scale(low), x2: left + scale(1), y2: bottom - scale(1) }),
    draw("line", { class: "chance", x1: left + scale(0.5), x2: left + scale(0.5), y1: margin.top, y2: bottom }),
    draw("line", { class: "chance", x1: left, x2: left + size, y1: bottom - scale(0.5), y2: bottom - scale(0.5) }),
  );
  const guides = draw("g");
  const layer = draw("g");
  const radius = found.points.length > 80 ? 4.5 : 6;
  const counts = { x: 0, y: 0, none: 0, untested: 0 };
  const order = { none: 0, untested: 0, x: 1, y: 1 };
  const points = found.points.map((point) => ({ ...point, verdict: verdict(point) }));
  for (const point of points) counts[point.verdict] += 1;
  for (const point of points.sort((a, b) => order[a.verdict] - order[b.verdict])) {
    const winner = point.verdict === "x" ? first : point.verdict === "y" ? second : null;
    const dot = draw("circle", {
      class: winner ? "dot" : "dot plain", cx: left + scale(point.x), cy: bottom - scale(point.y), r: radius,
      fill: winner && winner.colour, tabindex: -1, role: "button", "aria-label": sentence(point, first, second),
      "data-assay": point.assay,
    });
    dot.addEventListener("focus", () => show(point, dot));
    const here = points.filter((other) => other.x === point.x && other.y === point.y);
    if (here[0] === point && here.length > 1) {
      layer.append(draw("text", { class: "times", x: left + scale(point.x) - radius - 4, y: bottom - scale(point.y) + 16, "text-anchor": "end", "aria-hidden": "true" }, `×${here.length}`));
    }
    versus.dots.push({ point, dot, cx: left + scale(point.x), cy: bottom - scale(point.y) });
    layer.append(dot);
  }
  svg.append(guides, layer);
  versus.dots.sort((a, b) => a.cx - b.cx || b.cy - a.cy);
  const kept = versus.dots.find(({ point }) => point.assay === versus.shown);
  (kept || versus.dots[0]).dot.setAttribute("tabindex", 0);
  place.replaceChildren(svg);
  for (const name of svg.querySelectorAll(".name")) shorten(name, size);

  function show(point, dot) {
    versus.shown = point.assay;
    for (const other of versus.dots) other.dot.setAttribute("tabindex", other.dot === dot ? 0 : -1);
    const [cx, cy] = [left + scale(point.x), bottom - scale(point.y)];
    guides.replaceChildren(
      draw("line", { class: "guide", x1: cx, x2: cx, y1: cy, y2: bottom }),
      draw("line", { class: "guide", x1: left, x2: cx, y1: cy, y2: cy }),
      draw("circle", { class: "halo", cx, cy, r: radius + 4 }),
    );
    readout(point, first, second, points);
  }
  function nearest(event, reach) {
    const box = svg.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    let best = null;
    let distance = reach;
    for (const each of versus.dots) {
      const away = Math.hypot(each.cx - x, each.cy - y);
      if (away < distance) { distance = away; best = each; }
    }
    return best;
  }
  svg.addEventListener("pointermove", (event) => {
    const hit = event.pointerType !== "touch" && nearest(event, 26);
    svg.style.cursor = hit ? "pointer" : "";
    if (hit && versus.shown !== hit.point.assay) {
      show(hit.point, hit.dot);
      byId("versus-live").textContent = sentence(hit.point, first, second);
    }
  });
  svg.addEventListener("pointerup", (event) => {
    const hit = event.button === 0 && nearest(event, event.pointerType === "touch" ? 36 : 26);
    if (!hit) return;
    // A finger has no hover: its first tap tells, its second opens.
    if (event.pointerType === "touch" && versus.shown !== hit.point.assay) {
      show(hit.point, hit.dot);
      byId("versus-live").textContent = sentence(hit.point, first, second);
    } else openAssay(hit.point.assay, hit.dot);
  });
  svg.addEventListener("keydown", (event) => {
    const now = versus.dots.findIndex(({ dot }) => dot === document.activeElement);
    if (now < 0) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      openAssay(versus.dots[now].point.assay, versus.dots[now].dot);
      return;
    }
    const byHeight = [...versus.dots].sort((a, b) => b.cy - a.cy || a.cx - b.cx);
    const [list, move] = {
      ArrowRight: [versus.dots, 1], ArrowLeft: [versus.dots, -1], ArrowUp: [byHeight, 1],
      ArrowDown: [byHeight, -1], Home: [versus.dots, -Infinity], End: [versus.dots, Infinity],
    }[event.key] || [null];
    if (!list) return;
    event.preventDefault();
    const next = Math.min(Math.max(list.indexOf(versus.dots[now]) + move, 0), list.length - 1);
    list[next].dot.focus();
  });

  const line = (colour, name, number) => el("li", {}, swatch(colour), name, el("b", {}, whole(number)));
  byId("versus-legend").replaceChildren(...[
    line(first.colour, `${first.name} better`, counts.x),
    line(second.colour, `${second.name} better`, counts.y),
    line(null, "no significant difference", counts.none),
    counts.untested ? line(null, "not tested", counts.untested) : null,
  ].filter(Boolean));
  const related = found.correlation === null
    ? "Too few or equal AUCs for a correlation."
    : `Pearson correlation of the AUCs: ${fixed(found.correlation, 2)}.`;
  const absent = assays.length - found.points.length;
  byId("versus-text").textContent =
    `${related} ${found.points.length} of ${assays.length} tasks can be compared` +
    `${absent ? "; the others lack an AUC in this run" : ""}. ` +
    `Significant: p < ${ALPHA}, ${CORRECTIONS[versus.correction]}` +
    `${versus.correction === 2 ? "; one test in twenty falls below by chance alone where nothing differs." : " for the tasks of this pair."}`;
  byId("versus-caption").textContent = `Here split ${found.split}, replicate ${found.replicate}. Dotted: chance.`;
  if (kept) show(kept.point, kept.dot);
}
function sentence(point, first, second) {
  const assay = assays[point.assay];
  return `${assay.title}, ${assay.kind}: ${first.name} ${fixed(point.x, 2)}, ${second.name} ${fixed(point.y, 2)}, ` +
    `p ${formatP(point.row[2])} uncorrected, ${formatP(point.row[3])} by Benjamini and Hochberg`;
}
function readout(point, first, second, points) {
  const assay = assays[point.assay];
  const line = (name, value) => el("div", {}, el("dt", {}, name), el("dd", {}, value));
  const named = (method) => el("span", {}, swatch(method.colour), method.name);
  const tests = [versus.x, versus.y].map((place) => assay.results[place] && assay.results[place].test);
  const same = tests[0] && tests[1] && String(tests[0]) === String(tests[1]);
  const here = points.filter((other) => other !== point && other.x === point.x && other.y === point.y);
  byId("versus-readout").replaceChildren(
    el("h3", {}, assay.title),
    el("p", { class: "note" }, [assay.id, assay.target, assay.kind].filter(Boolean).join(" · ")),
    el("dl", {},
      line(named(first), fixed(point.x)),
      line(named(second), fixed(point.y)),
      line("p, Venkatraman", formatP(point.row[2])),
      line("by Benjamini–Hochberg", formatP(point.row[3])),
      line("by Holm", formatP(point.row[4])),
      line("p, DeLong", formatP(point.row[6])),
      line("labels in all", classes([assay.actives, assay.inactives])),
      same || !tests[1] ? line("test compounds", classes(tests[0])) : null,
      !same && tests[1] ? line(`test compounds, ${first.name}`, classes(tests[0])) : null,
      !same && tests[1] ? line(`test compounds, ${second.name}`, classes(tests[1])) : null,
    ),
    here.length ? el("p", { class: "note" }, `At the same point: ${here.slice(0, 3).map((other) => assays[other.assay].title).join("; ")}${here.length > 3 ? ` and ${here.length - 3} more` : ""}.`) : "",
    (() => {
      const button = el("button", { type: "button", class: "quiet" }, "Open this assay");
      button.addEventListener("click", () => openAssay(point.assay, button));
      return button;
    })(),
  );
}

// One assay

const sheet = { assay: null, opener: null };

function openAssay(index, opener) {
  const dialog = byId("assay");
  if (!dialog.open) {
    sheet.opener = opener;
    dialog.showModal();
  }
  sheet.assay = index;
  showAssay(index);
  dialog.scrollTop = 0;
  byId("assay-title").focus({ preventScroll: true });
}
function startSheet() {
  const dialog = byId("assay");
  byId("assay-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => {
    if (sheet.opener && sheet.opener.isConnected) sheet.opener.focus();
    byId("assay-body").replaceChildren();
  });
  const step = (by) => {
    const order = rowsOfAssays().filter((row) => !row.hidden).map((row) => Number(row.dataset.assay));
    const next = order[order.indexOf(sheet.assay) + by];
    if (next !== undefined) openAssay(next);
  };
  byId("assay-previous").addEventListener("click", () => step(-1));
  byId("assay-next").addEventListener("click", () => step(1));
}
function showAssay(index) {
  const assay = assays[index];
  const order = rowsOfAssays().filter((row) => !row.hidden).map((row) => Number(row.dataset.assay));
  const at = order.indexOf(index);
  byId("assay-previous").disabled = at <= 0;
  byId("assay-next").disabled = at < 0 || at === order.length - 1;
  byId("assay-eyebrow").textContent = [assay.id, assay.kind].join(" · ");
  byId("assay-title").textContent = assay.title;
  const line = (name, value) => (value ? el("div", {}, el("dt", {}, name), el("dd", {}, value)) : null);
  const types = { B: "binding", F: "functional", A: "ADMET", T: "toxicity", P: "physicochemical", U: "unclassified" };
  const link = demo ? null : el("a", { href: `https://www.ebi.ac.uk/chembl/explore/assay/${encodeURIComponent(assay.id)}`, rel: "noreferrer" }, `${assay.id} at ChEMBL`);
  const body = byId("assay-body");
  const whiskers = el("div", { class: "whiskers" });
  const roc = el("div", { class: "roc" });
  body.replaceChildren(...[
    el("dl", { class: "pairs" }, ...[
      line("target", [assay.target, assay.organism].filter(Boolean).join(", ")),
      line("assay type", types[assay.type] || assay.type),
      line("active from", assay.kind.startsWith("pChEMBL") ? assay.kind : "the majority of the depositors’ comments"),
      line("labels in all", classes([assay.actives, assay.inactives])),
      line("column", assay.task),
      line("more", link),
    ].filter(Boolean)),
    assay.notes.length ? el("div", { class: "notice" }, ...assay.notes.map((note) => el("p", {}, note))) : null,
    el("div", { class: "split" },
      el("div", {}, el("h3", {}, "AUC of each method"), whiskers),
      el("div", {}, el("h3", {}, "ROC curves"), roc)),
    el("p", { class: "note" }, "By compound, of the run of median performance of each method. Lines are 95 % percentile bootstrap intervals of that run" + (resamples ? ` (${whole(resamples)} resamples)` : "") + "; they tell nothing of the spread between trainings. Where an AUC is 0 or 1 the interval shrinks to a point, which is a limit of the bootstrap and no certainty."),
    resultsTable(assay),
    el("h3", {}, "Example images"),
    ...exampleFigures(assay),
  ].filter(Boolean));
  drawWhiskers(whiskers, assay);
  drawRoc(roc, assay);
}
function drawWhiskers(place, assay) {
  const rows = methods.map((method, number) => ({ method, result: assay.results[number] }))
    .filter(({ result }) => result && result.auc_run !== null);
  if (!rows.length) {
    place.append(el("p", { class: "none" }, "No method could be measured on this task."));
    return;
  }
  // Names and numbers are text of the page, so that they find their room in any font.
  place.setAttribute("role", "img");
  place.setAttribute("aria-label", "AUC and 95 % interval of each method; the numbers stand in the table below");
  const at = (value) => `${100 * value}%`;
  const track = (attributes, ...marks) => el("div", {}, draw("svg", attributes, ...marks));
  const grid = () => [0, 0.5, 1].map((tick) =>
    draw("line", { class: tick === 0.5 ? "chance" : "grid", x1: at(tick), x2: at(tick), y1: 0, y2: "100%" }));
  for (const { method, result } of rows) {
    const known = result.low !== null;
    place.append(
      el("b", {}, breakable(method.name)),
      track({ colour: method.colour }, grid(),
        known ? draw("line", { class: "whisker", x1: at(result.low), x2: at(result.high), y1: "50%", y2: "50%" }) : null,
        draw("circle", { class: "centre", cx: at(result.auc_run), cy: "50%", r: 5 })),
      el("span", { class: "interval" }, `${fixed(result.auc_run, 2)} `,
        el("span", {}, known ? `(${fixed(result.low, 2)}–${fixed(result.high, 2)})` : "(no interval)")));
  }
  place.append(track({}, [0, 0.5, 1].map((tick) =>
    draw("text", { x: at(tick), y: 15, "text-anchor": "middle", "font-size": 11 }, String(tick)))));
}
function drawRoc(place, assay) {
  const shown = methods.map((method, number) => ({ method, curve: assay.curves[number] })).filter(({ curve }) => curve);
  if (!shown.length) {
    place.append(el("p", { class: "none" }, "There is no curve without both classes."));
    return;
  }
  const [left, bottom] = [46, 36];
  const width = Math.min(Math.max(place.clientWidth, 240), 330);
  const size = width - left - 8;
  const svg = draw("svg", { width, height: size + 8 + bottom, role: "img", "aria-label": "ROC curves of all methods: true positive rate against false positive rate" });
  const [x, y] = [(value) => left + size * value, (value) => 8 + size * (1 - value)];
  for (const tick of [0, 0.5, 1]) {
    svg.append(
      draw("line", { class: "grid", x1: x(tick), x2: x(tick), y1: y(0), y2: y(1) }),
      draw("line", { class: "grid", x1: x(0), x2: x(1), y1: y(tick), y2: y(tick) }),
      draw("text", { x: x(tick), y: y(0) + 15, "text-anchor": "middle", "font-size": 11 }, String(tick)),
      draw("text", { x: left - 6, y: y(tick) + 4, "text-anchor": "end", "font-size": 11 }, String(tick)),
    );
  }
  svg.append(
    draw("line", { class: "chance", x1: x(0), y1: y(0), x2: x(1), y2: y(1) }),
    draw("text", { x: x(0.5), y: y(0) + 31, "text-anchor": "middle", "font-size": 11 }, "false positive rate"),
    draw("text", { transform: `translate(11 ${y(0.5)}) rotate(-90)`, "text-anchor": "middle", "font-size": 11 }, "true positive rate"),
  );
  const lines = shown.map(({ method, curve }) => {
    const points = [];
    for (let i = 0; i < curve.length; i += 2) points.push(`${x(curve[i] / 1000).toFixed(1)},${y(curve[i + 1] / 1000).toFixed(1)}`);
    return draw("polyline", { class: "curve", colour: method.colour, points: points.join(" ") });
  });
  svg.append(...lines);
  let pressed = null;
  const mark = (which) => lines.forEach((line, number) => line.classList.toggle("faded", which !== null && which !== number));
  const buttons = shown.map(({ method }, number) => {
    const button = el("button", { type: "button", "aria-pressed": "false" }, swatch(method.colour), method.name);
    button.addEventListener("pointerenter", () => mark(number));
    button.addEventListener("pointerleave", () => mark(pressed));
    button.addEventListener("click", () => {
      pressed = pressed === number ? null : number;
      buttons.forEach((other, place) => other.setAttribute("aria-pressed", String(place === pressed)));
      mark(pressed);
    });
    return button;
  });
  place.append(svg, el("ul", { class: "key", "aria-label": "Show one method alone" }, ...buttons.map((button) => el("li", {}, button))));
}
function resultsTable(assay) {
  const head = ["method", "mean AUC of the runs", "runs", "by compound", "average precision", "F1 at 0.5", "enrichment, top 5 %", "test compounds"];
  const rows = methods.map((method, number) => {
    const result = assay.results[number];
    const cells = result
      ? [`${fixed(result.auc)}${result.auc_sd === null ? "" : ` ± ${fixed(result.auc_sd)}`}`, whole(result.runs), fixed(result.auc_compounds), fixed(result.average_precision), fixed(result.f1), fixed(result.enrichment_5, 1), classes(result.test)]
      : ["not predicted", "", "", "", "", "", ""];
    return el("tr", {}, el("th", { scope: "row", class: "method" }, swatch(method.colour), el("span", { class: "piece" }, breakable(method.name))), ...cells.map((cell) => el("td", { class: "number" }, cell)));
  });
  return el("div", { class: "scroll", role: "region", tabindex: 0, "aria-label": "Results of each method on this assay" },
    el("table", {},
      el("caption", {}, "Means and standard deviations over the runs that could be evaluated, by well unless said otherwise. Enrichment and test compounds are those of the median run, by compound."),
      el("thead", {}, el("tr", {}, ...head.map((name, place) => el("th", { scope: "col", class: place ? "number" : "" }, name)))),
      el("tbody", {}, ...rows)));
}
function exampleFigures(assay) {
  if (!assay.examples) return [el("p", { class: "none" }, "There are none for this task.")];
  pictures = pictures || read("pictures");
  const figure = (example, what) => {
    const picture = pictures[example.picture];
    const where = `plate ${example.plate}, well ${example.well}, site ${example.site}`;
    return el("figure", {},
      el("img", { src: picture.src, width: picture.width, height: picture.height, alt: `Cells with an ${what} compound, ${where}` }),
      el("figcaption", {}, el("b", {}, `${what}, predicted ${fixed(example.score, 2)}`), el("br"), where, el("br"), example.inchikey));
  };
  return [
    el("div", { class: "examples" },
      ...assay.examples.hits.map((example) => figure(example, "active")),
      ...assay.examples.misses.map((example) => figure(example, "inactive"))),
    el("p", { class: "note" }, `Test compounds that ${examplesOf} tells apart best: active ones predicted highest, inactive ones predicted lowest. They are its best cases and no fair sample. One view each, the first of the compound; colours and brightness are the same in all examples of the page.`),
  ];
}

// Training curves

function startTrainings() {
  const place = byId("trainings");
  if (!place) return;
  const numbers = (rows, names) => rows.flatMap((row) => names.flatMap((name) => row[name])).filter((value) => value !== null);
  const aucs = numbers(trainings, ["validation_auc"]);
  const common = [Math.min(0.5, ...aucs), Math.max(0.6, ...aucs)];
  methods.forEach((method, number) => {
    const own = trainings.filter((row) => row.method === number);
    if (!own.length) return;
    const losses = numbers(own, ["training_loss", "validation_loss"]);
    place.append(el("div", { class: "training" },
      el("h4", {}, swatch(method.colour), method.name),
      el("div", { class: "pair" },
        curves(own, method, "validation AUC", common, [["validation_auc", ""]]),
        curves(own, method, "loss", [Math.min(0, ...losses), Math.max(...losses)], [["training_loss", ""], ["validation_loss", " dashed"]]))));
  });
}
function curves(rows, method, title, [low, high], series) {
  const [width, height, left, top, bottom] = [170, 126, 34, 22, 20];
  const last = Math.max(...rows.flatMap((row) => row.epochs), 2);
  const x = (epoch) => left + (width - left - 6) * ((epoch - 1) / (last - 1));
  const y = (value) => top + (height - top - bottom) * (1 - (value - low) / (high - low || 1));
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${title} of ${method.name} over the epochs` },
    draw("text", { x: 0, y: 10 }, title));
  for (const tick of [low, (low + high) / 2, high]) {
    svg.append(
      draw("line", { class: "grid", x1: left, x2: width - 6, y1: y(tick), y2: y(tick) }),
      draw("text", { x: left - 4, y: y(tick) + 3.5, "text-anchor": "end" }, fixed(tick, 2)));
  }
  svg.append(
    draw("text", { x: x(1), y: height - 6 }, "1"),
    draw("text", { x: x(last), y: height - 6, "text-anchor": "end" }, `epoch ${last}`));
  for (const row of rows) {
    for (const [name, kind] of series) {
      // A gap where a value is missing.
      let path = "";
      let pen = "M";
      row[name].forEach((value, place) => {
        if (value === null) { pen = "M"; return; }
        path += `${pen}${x(row.epochs[place]).toFixed(1)} ${y(value).toFixed(1)}`;
        pen = "L";
      });
      svg.append(draw("path", { class: `curve${kind}`, colour: method.colour, d: path }));
    }
    const name = series[series.length - 1][0];
    const at = row.epochs.indexOf(row.best);
    if (at >= 0 && row[name][at] !== null) {
      svg.append(draw("circle", { class: "kept", colour: method.colour, cx: x(row.best), cy: y(row[name][at]), r: 2.8 }));
    }
  }
  return svg;
}

// Contents: where the reader is

function startContents() {
  const links = new Map([...document.querySelectorAll(".contents a")].map((link) => [link.hash.slice(1), link]));
  if (!matchMedia("(min-width: 72rem)").matches) document.querySelector(".contents details").open = false;
  const seen = new Set();
  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) seen.add(entry.target.id);
      else seen.delete(entry.target.id);
    }
    const first = [...links.keys()].find((id) => seen.has(id));
    for (const [id, link] of links) {
      if (id === first) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }, { rootMargin: "-15% 0px -60% 0px" });
  for (const id of links.keys()) observer.observe(byId(id));
}

startTheme();
startSorting();
startWilcoxon();
startAssays();
startVersus();
startSheet();
startTrainings();
startContents();
})();
