"use strict";
const run = JSON.parse(document.getElementById("run").textContent);
const byId = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";

// In the order of the recorder's numbers: name, colour, family, rank (lowest is left out first).
const KINDS = [
  ["pre-vote request", "#a276d8", "votes", 9], ["pre-vote reply", "#a276d8", "votes", 9],
  ["vote request", "#6d28bd", "votes", 10], ["vote reply", "#6d28bd", "votes", 10],
  ["append", "#2268c9", "appends", 5], ["acknowledgement", "#1c9a70", "acks", 4],
  ["append refused", "#d0342c", "acks", 6], ["heartbeat", "#a9b5c2", "beats", 1],
  ["heartbeat reply", "#c6cfd8", "beats", 0], ["read index request", "#0d93a8", "reads", 3],
  ["read index reply", "#0d93a8", "reads", 3], ["timeout now", "#e0661a", "votes", 10],
  ["message", "#75808c", "appends", 2]];
const TERMS = ["#2f6fd0", "#1c9a70", "#b8477f", "#8a6a1f", "#5a57c9", "#17889b", "#b4552d"];
const FOLLOWER = 0, PRE = 1, CANDIDATE = 2, LEADER = 3;
const ROLES = ["follower", "pre-candidate", "candidate", "leader", "learner"];
const termColour = (term) => term === 0 ? "#b9c3cd" : TERMS[term % TERMS.length];
const shown = { votes: true, appends: true, acks: true, beats: true, reads: true, calls: true, faults: true };

// --- what the run was ----------------------------------------------------------------------------
const groups = [...new Set(run.roles.map((r) => r[2]))].sort((a, b) => a - b);
let group = groups.includes(1) ? 1 : groups[0] || 0;
let model = null;
let view = [0, Math.max(run.end, 1000)];

// A node's line: stretches of one role, term and leader, and those in which it is down.
function linesOf(g) {
  const lines = [];
  for (let node = 1; node <= run.count; node++) {
    const events = run.nodes.filter((n) => n[2] === node && n[3] !== "pause").map((n) => [n[0], n[3]])
      .concat(run.roles.filter((r) => r[1] === node && r[2] === g).map((r) => [r[0], "role", r[3], r[4], r[5]]));
    events.sort((a, b) => a[0] - b[0]);
    const parts = [];
    let now = { from: 0, role: -1, term: 0, leader: 0 };
    const turn = (at, to) => {
      if (at > now.from) parts.push({ ...now, to: at });
      now = { from: at, ...to };
    };
    for (const e of events) {
      if (e[1] === "role") turn(e[0], { role: e[2], term: e[3], leader: e[4] });
      else if (e[1] === "start") turn(e[0], { role: -2, term: 0, leader: 0 });
      else if (e[1] !== "failed") turn(e[0], { role: -1, term: 0, leader: 0 });
    }
    turn(run.end, now);
    lines.push(parts);
  }
  return lines;
}

function build() {
  const lines = linesOf(group);
  const elections = [], leads = [];
  lines.forEach((parts, i) => parts.forEach((p, k) => {
    if (p.role === LEADER && !(k > 0 && parts[k - 1].role === LEADER && parts[k - 1].term === p.term)) {
      elections.push(p.from);
      leads.push({ node: i + 1, from: p.from, term: p.term });
    }
  }));
  elections.sort((a, b) => a - b);
  const messages = run.messages.filter((m) => m[5] === group);
  const longest = messages.reduce((most, m) => Math.max(most, m[1] - m[0]), 0);
  model = { lines, elections, messages, longest, commits: run.commits.filter((c) => c[2] === group),
    crash: run.nodes.filter((n) => n[3] === "crash").map((n) => n[0]), fault: run.faults.map((f) => f[0]) };
}

const firstAt = (list, t, key = (x) => x) => {
  let low = 0, high = list.length;
  while (low < high) { const mid = (low + high) >> 1; if (key(list[mid]) < t) low = mid + 1; else high = mid; }
  return low;
};

// --- words -----------------------------------------------------------------------------------------
const time = (us) => us >= 1e6 ? (us / 1e6).toFixed(us % 1e6 ? 4 : 1).replace(/0+$/, "").replace(/\.$/, "") + " s"
  : (us / 1e3).toFixed(2).replace(/\.?0+$/, "") + " ms";
const safe = (text) => text.replace(/[&<>]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[c]);
function aboutMessage(m) {
  const [at, ended, delivered, from, to, , kind, term, a, b, c, d] = m;
  const says = [
    () => `would you vote for me in term ${term}? My log ends at ${a} (term ${b}).`,
    () => a ? "I would." : "No: I hear a leader, or my log is longer.",
    () => `vote for me in term ${term}! My log ends at ${a} (term ${b}), safely on disk.`,
    () => a ? "You have my vote; it is on disk." : "No.",
    () => (c ? `${c} ${c > 1 ? "entries" : "entry"}, ${a + 1}${c > 1 ? " to " + (a + c) : ""}` : "no entries: is yours the same?") +
      `\nbehind entry ${a} of term ${b}; committed up to ${d}`,
    () => `I have everything up to ${a}, on disk.`,
    () => `I cannot join that to my log; try from ${b}.`,
    () => `I lead term ${term}. Committed: ${a}.` + (b ? `\nread round ${b}: do I still lead?` : ""),
    () => "I hear you." + (a ? `\nread round ${a}: yes, you lead.` : ""),
    () => "what is the newest committed index? A client reads here.",
    () => a ? `read at ${a}` : "I cannot say yet.", () => "take over: campaign at once.", () => "" ][kind]();
  const end = ended < 0 ? "still under way at the end" : delivered ? `arrives after ${time(ended - at)}` : "lost with its connection";
  return `<b>${KINDS[kind][0]}</b>, node ${from} → ${to}, term ${term}\n${says}\n<i>${time(at)}, ${end}</i>`;
}
function aboutPart(node, p) {
  const what = p.role === -1 ? "down" : p.role === -2 ? "starting" : ROLES[p.role] || "member";
  const leader = p.role >= 0 && p.role !== LEADER ? (p.leader ? `, hears node ${p.leader}` : ", hears no leader") : "";
  return `<b>node ${node}</b> ${what}${p.role >= 0 ? `, term ${p.term}` : ""}${leader}\n<i>${time(p.from)} to ${time(p.to)}</i>`;
}

// --- drawing ---------------------------------------------------------------------------------------
const drawing = byId("drawing"), overview = byId("overview");
const LEFT = 92, RIGHT = 16, TOP = 34;
let width = 1200, height = 500, tips = [];
const laneGap = () => run.count <= 3 ? 132 : run.count <= 5 ? 100 : 82;
const faultRows = () => model.faultRows || 0;
const y = (node) => TOP + faultRows() * 15 + 52 + (node - 1) * laneGap();
const x = (t) => LEFT + (t - view[0]) / (view[1] - view[0]) * (width - LEFT - RIGHT);
const back = (px) => view[0] + (px - LEFT) / (width - LEFT - RIGHT) * (view[1] - view[0]);
const round = (v) => Math.round(v * 10) / 10;

function el(parent, name, attributes, text) {
  const e = document.createElementNS(SVG, name);
  for (const key in attributes) e.setAttribute(key, attributes[key]);
  if (text !== undefined) e.textContent = text;
  parent.appendChild(e);
  return e;
}
const tip = (words) => tips.push(words) - 1;

function ticks(from, to, most) {
  const rough = (to - from) / most;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * unit).find((s) => s >= rough);
  const list = [];
  for (let t = Math.ceil(from / step) * step; t <= to; t += step) list.push(t);
  return list;
}

// Faults share rows where they do not meet.
function packFaults() {
  const ends = [];
  model.rows = run.faults.map((f) => {
    const until = f[1] < 0 ? f[0] + (view[1] - view[0]) * 0.004 : f[1];
    let row = ends.findIndex((e) => e < f[0]);
    if (row < 0) row = ends.length < 6 ? ends.push(0) - 1 : 5;
    ends[row] = until;
    return row;
  });
  model.faultRows = shown.faults ? ends.length : 0;
}

function drawAxis(bottom) {
  for (const t of ticks(view[0], view[1], Math.max(3, width / 130))) {
    el(drawing, "line", { class: "grid", x1: round(x(t)), x2: round(x(t)), y1: TOP - 6, y2: bottom });
    el(drawing, "text", { class: "axis", x: round(x(t)), y: TOP - 12, "text-anchor": "middle" }, time(t));
  }
  if (run.gap) {
    const [a, b] = run.gap.map(x);
    el(drawing, "rect", { x: a, y: TOP, width: Math.max(0, b - a), height: bottom - TOP, fill: "url(#hatch)", opacity: 0.5,
      class: "band", "data-tip": tip("<b>messages of this stretch are not kept</b>\nall else is drawn") });
  }
}

function drawFaults(bottom) {
  if (!shown.faults) return;
  run.faults.forEach((f, i) => {
    const [at, until, node, kind, text] = f;
    const end = until < 0 ? at : until;
    if (end < view[0] || at > view[1]) return;
    const a = Math.max(x(at), LEFT), b = Math.min(Math.max(x(end), a + 3), width - RIGHT);
    const words = tip(`<b>fault: ${safe(kind)}</b>${node ? `, node ${node}` : ""}\n${safe(text)}\n<i>${time(at)}${until < 0 ? "" : " to " + time(until)}</i>`);
    const rowY = TOP + 2 + model.rows[i] * 15;
    el(drawing, "rect", { class: "band fault", x: round(a), y: rowY, width: round(b - a), height: 12, rx: 3, fill: "#f3c1a5", stroke: "#d97b45", "stroke-width": 0.7, "data-tip": words });
    if (b - a > kind.length * 6.4 + 8) el(drawing, "text", { class: "sub", x: round(a + 5), y: rowY + 9.6 }, kind);
    const [top, tall] = node ? [y(node) - 22, 44] : [TOP + faultRows() * 15, bottom - TOP - faultRows() * 15];
    el(drawing, "rect", { class: "band", x: round(a), y: top, width: round(b - a), height: tall, fill: "#e8824a", opacity: node ? 0.14 : 0.07, "data-tip": words });
  });
}

function drawLine(node) {
  const g = el(drawing, "g", { class: "node", "data-node": node });
  const at = y(node);
  el(g, "text", { class: "name", x: 16, y: at - 1 }, `node ${node}`);
  for (const p of model.lines[node - 1]) {
    if (p.to < view[0] || p.from > view[1]) continue;
    const a = Math.max(x(p.from), LEFT), b = Math.min(x(p.to), width - RIGHT);
    const words = tip(aboutPart(node, p));
    const rect = (h, more) => el(g, "rect", { x: round(a), y: at - h / 2, width: round(Math.max(b - a, 1)), height: h, class: "band", "data-tip": words, ...more });
    if (p.role < 0) {
      el(g, "line", { x1: round(a), x2: round(b), y1: at, y2: at, stroke: p.role === -1 ? "#c98d89" : "#9aa7b4", "stroke-width": 1.4, "stroke-dasharray": "2 4" });
      rect(14, { fill: "transparent" });
    } else if (p.role === LEADER) {
      rect(17, { fill: termColour(p.term), rx: 3, class: "band leader" });
      if (b - a > 96) {
        const label = el(g, "text", { class: "small", x: round(a + 7), y: at + 4 }, `leads, term ${p.term}`);
        label.style.fill = "#fff";
      }
    } else if (p.role === PRE || p.role === CANDIDATE) {
      rect(15, { fill: p.role === PRE ? "#fbe6bd" : "#f5b64a", stroke: "#c27c07", "stroke-width": 1, rx: 2, class: "band candidate" });
    } else {
      rect(5, { fill: termColour(p.term), opacity: p.leader ? 0.62 : 0.28, class: "band follower" });
    }
  }
}

function drawNodeMarks() {
  for (const [at, until, node, kind, text] of run.nodes) {
    if (kind === "pause" ? until < view[0] || at > view[1] : at < view[0] || at > view[1]) continue;
    const px = round(x(at)), py = y(node);
    const words = tip(`<b>node ${node}: ${kind}</b>\n${safe(text)}\n<i>${time(at)}</i>`);
    if (kind === "pause") {
      const a = Math.max(px, LEFT), b = Math.min(x(until), width - RIGHT);
      el(drawing, "rect", { class: "band", x: a, y: py - 13, width: Math.max(1, b - a), height: 26, fill: "url(#hatch)", "data-tip": words });
    } else if (kind === "start") {
      el(drawing, "circle", { class: "band", cx: px, cy: py, r: 6, fill: "#fff", stroke: "#1c9a70", "stroke-width": 2.4, "data-tip": words });
    } else {
      const bad = kind === "stop" ? "#5b6b7c" : "#d0342c";
      el(drawing, "path", { class: "crash", d: `M${px - 6} ${py - 6}l12 12m0-12l-12 12`, stroke: bad, "stroke-width": 3, "stroke-linecap": "round" });
      el(drawing, "rect", { class: "band", x: px - 9, y: py - 9, width: 18, height: 18, fill: "transparent", "data-tip": words });
    }
  }
  for (const [at, , node, g, text] of run.installs) {
    if (at < view[0] || at > view[1] || Number(g) !== group) continue;
    el(drawing, "rect", { class: "band", x: round(x(at)) - 5, y: y(node) - 5, width: 10, height: 10, rx: 1, fill: "#fff", stroke: "#0d93a8", "stroke-width": 2.2, "data-tip": tip(`<b>node ${node}: a snapshot became its state</b>\n${safe(text)}\n<i>${time(at)}</i>`) });
  }
  for (const [at, , , , text] of run.failures) {
    if (at < view[0] || at > view[1]) continue;
    el(drawing, "line", { x1: x(at), x2: x(at), y1: TOP, y2: height - 8, stroke: "#d0342c", "stroke-width": 1.6 });
    el(drawing, "rect", { class: "band failure", x: x(at) - 5, y: TOP, width: 10, height: height - TOP, fill: "transparent", "data-tip": tip(`<b>broken promise</b>\n${safe(text)}\n<i>${time(at)}</i>`) });
  }
}

// What is drawn of the messages in view: all, or the more telling ones.
function chosenMessages() {
  const list = model.messages;
  const inView = [];
  for (let i = firstAt(list, view[0] - model.longest, (m) => m[0]); i < list.length && list[i][0] <= view[1]; i++) {
    const m = list[i];
    if (shown[KINDS[m[6]][2]] && (m[1] < 0 || m[1] >= view[0])) inView.push(m);
  }
  const MOST = 600;
  let left = inView, said = "";
  for (const rank of [0, 1]) {
    if (left.length > MOST) { left = left.filter((m) => KINDS[m[6]][3] > rank); said = "heartbeats are left out"; }
  }
  if (left.length > MOST) {
    const step = Math.ceil(left.length / MOST);
    left = left.filter((m, i) => KINDS[m[6]][3] >= 9 || i % step === 0);
    said = `heartbeats are left out, and of appends, reads and their answers one in ${step} is drawn`;
  }
  byId("note").textContent = said ? `${inView.length} messages here: ${said}. Zoom in to see them all.`
    : `${inView.length} messages in view, all drawn.` + (run.gap ? " (Of this long run, messages of a stretch in the middle are not kept.)" : "");
  return left;
}

function drawMessages() {
  const layer = el(drawing, "g", { id: "messages", "clip-path": "url(#inside)" });
  const last = Math.max(run.end, 1);
  for (const m of chosenMessages()) {
    const [at, ended, delivered, from, to, , kind] = m;
    if (from > run.count || to > run.count) continue;
    const lost = ended >= 0 && !delivered;
    const until = ended < 0 ? last : ended;
    const way = Math.sign(to - from);
    const reach = lost ? 0.55 : ended < 0 ? 0.3 : 1;
    const y1 = y(from) + way * 9, full = y(to) - way * 10;
    const x1 = x(at), x2 = x1 + (x(until) - x1) * reach, y2 = y1 + (full - y1) * reach;
    if (x2 < LEFT || x1 > width - RIGHT) continue;
    const [, colour, family] = KINDS[kind];
    const refusal = (kind === 1 || kind === 3) && !m[8];
    const line = el(layer, "path", { class: "msg " + family, d: `M${round(x1)} ${round(y1)}L${round(x2)} ${round(y2)}`, stroke: lost ? "#d0342c" : colour, "data-kind": kind,
      ...(refusal ? { "stroke-dasharray": "4 3" } : {}), ...(lost ? { "stroke-dasharray": "6 3", opacity: 0.8 } : { "marker-end": `url(#m${kind})` }) });
    if (family === "votes") line.setAttribute("stroke-width", 2);
    if (lost) el(layer, "path", { d: `M${round(x2) - 3} ${round(y2) - 3}l6 6m0-6l-6 6`, stroke: "#d0342c", "stroke-width": 1.5 });
    el(layer, "path", { class: "hit", d: line.getAttribute("d"), "data-tip": tip(aboutMessage(m)) });
  }
}

function drawCommits() {
  const commits = model.commits;
  let lastAt = new Map();
  for (let i = firstAt(commits, view[0], (c) => c[0]); i < commits.length && commits[i][0] <= view[1]; i++) {
    const [at, node, , from, to] = commits[i];
    const px = x(at), py = y(node) + 15;
    if (px - (lastAt.get(node) ?? -9) < 5) continue;
    lastAt.set(node, px);
    el(drawing, "path", { class: "band commit", d: `M${round(px)} ${py - 4.5}l4.5 4.5l-4.5 4.5l-4.5-4.5z`, fill: "#12324f", "data-tip": tip(`<b>node ${node} commits</b> ${from + 1 === to ? "entry " + to : "entries " + (from + 1) + " to " + to}\n<i>${time(at)}</i>`) });
  }
}

const CALLS = { ok: "#1c9a70", refused: "#d0342c", unknown: "#e09112", open: "#8d99a6" };
function drawCalls() {
  if (!shown.calls) return;
  const rows = new Map();
  let drawn = 0;
  for (const [at, until, node, kind, text] of run.calls) {
    const end = until < 0 ? run.end : until;
    if (end < view[0] || at > view[1] || node < 1 || node > run.count) continue;
    const a = Math.max(x(at), LEFT), b = Math.min(Math.max(x(end), a + 2), width - RIGHT);
    const ends = rows.get(node) || rows.set(node, []).get(node);
    let row = ends.findIndex((e) => e < a - 1);
    if (row < 0) { if (ends.length >= 4) continue; row = ends.push(0) - 1; }
    ends[row] = b;
    if (++drawn > 900) break;
    const py = y(node) - 18 - row * 6;
    el(drawing, "rect", { class: "band call", x: round(a), y: py, width: round(b - a), height: 4, rx: 2, fill: CALLS[kind], opacity: /^(get|scan)/.test(text) ? 0.5 : 0.95, "data-tip": tip(`<b>client at node ${node}</b>: ${safe(text)}\n${kind === "open" ? "no answer yet" : kind} after ${time(end - at)}\n<i>${time(at)}</i>`) });
  }
}

function defs() {
  const d = el(drawing, "defs", {});
  KINDS.forEach((k, i) => {
    const m = el(d, "marker", { id: "m" + i, viewBox: "0 0 8 8", refX: 6.6, refY: 4, markerWidth: 8, markerHeight: 8, markerUnits: "userSpaceOnUse", orient: "auto" });
    el(m, "path", { d: "M0 0.8L7.4 4L0 7.2z", fill: k[1] });
  });
  const inside = el(d, "clipPath", { id: "inside" });
  el(inside, "rect", { x: LEFT - 2, y: 0, width: width - LEFT - RIGHT + 4, height });
  const p = el(d, "pattern", { id: "hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" });
  el(p, "rect", { width: 2, height: 6, fill: "#8a97a5", opacity: 0.5 });
}

function draw() {
  width = drawing.clientWidth || 1200;
  tips = [];
  packFaults();
  height = y(run.count) + 56;
  drawing.setAttribute("height", height);
  drawing.setAttribute("viewBox", `0 0 ${width} ${height}`);
  drawing.replaceChildren();
  defs();
  drawAxis(height - 8);
  drawFaults(height - 8);
  for (let node = 1; node <= run.count; node++) drawLine(node);
  drawMessages();
  drawCommits();
  drawCalls();
  drawNodeMarks();
  byId("span").textContent = `${time(Math.round(view[0]))} – ${time(Math.round(view[1]))} of ${time(run.end)} virtual time`;
  drawOverview();
}

function drawOverview() {
  const h = 12 + run.count * 7 + 8;
  overview.setAttribute("height", h);
  overview.setAttribute("preserveAspectRatio", "none");
  overview.setAttribute("viewBox", `0 0 ${width} ${h}`);
  overview.replaceChildren();
  const ox = (t) => LEFT + t / run.end * (width - LEFT - RIGHT);
  el(overview, "text", { class: "sub", x: 16, y: h / 2 + 4 }, "whole run");
  run.faults.forEach((f) => el(overview, "rect", { x: round(ox(f[0])), y: 2, width: round(Math.max(1, ox(f[1] < 0 ? f[0] : f[1]) - ox(f[0]))), height: 5, fill: "#e8824a", opacity: 0.5 }));
  model.lines.forEach((parts, i) => parts.forEach((p) => {
    if (p.role === -2) return;
    const colour = p.role === -1 ? "#e6b3b0" : p.role === LEADER ? termColour(p.term) : p.role === PRE || p.role === CANDIDATE ? "#f5b64a" : "#dbe3eb";
    const w = ox(p.to) - ox(p.from);
    if (w > 0.2 || p.role === LEADER) el(overview, "rect", { x: round(ox(p.from)), y: 10 + i * 7, width: round(Math.max(w, 0.7)), height: p.role === LEADER ? 6 : 3, fill: colour });
  }));
  for (const f of run.failures) el(overview, "line", { x1: ox(f[0]), x2: ox(f[0]), y1: 0, y2: h, stroke: "#d0342c", "stroke-width": 2 });
  el(overview, "rect", { x: round(ox(view[0])), y: 1, width: round(Math.max(3, ox(view[1]) - ox(view[0]))), height: h - 2, fill: "#2268c9", "fill-opacity": 0.13, stroke: "#2268c9", rx: 2 });
}
