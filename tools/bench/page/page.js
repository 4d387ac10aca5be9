"use strict";
const run = JSON.parse(document.getElementById("run").textContent);
const WIDTH = 1240, HALF = 600;
const byId = (id) => document.getElementById(id);
const css = (name) => `var(--${name})`;

function node(tag, attributes = {}, text = null, svg = true) {
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag)
                   : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== null) made.textContent = text;
  return made;
}
const html = (tag, attributes, text) => node(tag, attributes, text, false);

function latency(us) {
  if (us < 1000) return `${us < 10 ? us.toFixed(1) : us.toFixed(0)} µs`;
  if (us < 1e6) return `${(us / 1e3).toFixed(us < 1e4 ? 2 : 1)} ms`;
  return `${(us / 1e6).toFixed(2)} s`;
}
function count(n) {
  if (n >= 1e6) return `${(n / 1e6).toFixed(n < 1e7 ? 2 : 1)} M`;
  return Math.round(n).toLocaleString("en");
}
// Round numbers that cut 0 .. top into a few parts.
function ticks(top, wanted = 4) {
  if (!(top > 0)) return [0, 1];
  const raw = top / wanted, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((m) => m * power >= raw) * power;
  const all = [];
  for (let at = 0; at < top + step; at += step) all.push(at);
  return all;
}
// Powers of ten, with 2 and 5 between where there are few, around low .. high.
function logTicks(low, high) {
  const all = [];
  const few = Math.log10(high / low) < 1.7;
  for (let p = Math.floor(Math.log10(low)); p <= Math.ceil(Math.log10(high)); ++p) {
    for (const m of few ? [1, 2, 5] : [1]) all.push(m * 10 ** p);
  }
  const first = all.filter((t) => t <= low).pop() ?? all[0];
  const last = all.find((t) => t >= high) ?? all[all.length - 1];
  return all.filter((t) => t >= first && t <= last);
}

class Chart {
  constructor(id, width, height, {top = 10, left = 62} = {}) {
    Object.assign(this, {width, height, top, left, right: 14, bottom: 24});
    this.svg = node("svg", {viewBox: `0 0 ${width} ${height}`, role: "img"});
    byId(id).append(this.svg);
  }
  xScale(from, to, log = false) {
    const f = log ? Math.log : (v) => v, span = f(to) - f(from) || 1;
    this.x = (v) => this.left + (this.width - this.left - this.right) * (f(v) - f(from)) / span;
  }
  yScale(marks, log, format) {
    const f = log ? Math.log : (v) => v;
    const low = f(marks[0]), high = f(marks[marks.length - 1]);
    const room = this.height - this.top - this.bottom;
    this.y = (v) => this.height - this.bottom -
        room * (f(Math.max(v, log ? marks[0] : v)) - low) / (high - low || 1);
    for (const mark of marks) {
      const y = this.y(mark);
      this.add("line", {class: "grid", x1: this.left, x2: this.width - this.right, y1: y, y2: y});
      this.add("text", {x: this.left - 8, y: y + 4, "text-anchor": "end"}, format(mark));
    }
  }
  xTick(at, text) {
    this.add("text", {class: "axis", x: this.x(at), y: this.height - 6, "text-anchor": "middle"},
             text);
  }
  add(tag, attributes, text) {
    const made = node(tag, attributes, text);
    this.svg.append(made);
    return made;
  }
  line(points, colour, area = false) {
    if (points.length === 0) return;
    const path = points.map(([x, y], i) => `${i ? "L" : "M"}${this.x(x).toFixed(1)},` +
                                           this.y(y).toFixed(1)).join("");
    if (area) {
      const base = this.height - this.bottom;
      this.add("path", {class: "area", fill: colour,
        d: `${path}L${this.x(points[points.length - 1][0])},${base}L${this.x(points[0][0])},` +
           `${base}Z`});
    }
    this.add("path", {class: "line", stroke: colour, d: path});
    if (points.length === 1) {
      this.add("circle", {cx: this.x(points[0][0]), cy: this.y(points[0][1]), r: 3, fill: colour});
    }
  }
  // What the nearest point says, beside the pointer.
  hover(points, words) {
    const guide = this.add("line", {class: "hover", y1: this.top, y2: this.height - this.bottom});
    guide.style.display = "none";
    const tip = byId("tip");
    this.svg.addEventListener("pointermove", (event) => {
      const box = this.svg.getBoundingClientRect();
      const at = (event.clientX - box.left) * this.width / box.width;
      let best = null;
      for (const p of points) {
        if (best === null || Math.abs(this.x(p.x) - at) < Math.abs(this.x(best.x) - at)) best = p;
      }
      if (best === null) return;
      guide.setAttribute("x1", this.x(best.x));
      guide.setAttribute("x2", this.x(best.x));
      guide.style.display = "";
      tip.textContent = words(best);
      tip.hidden = false;
      tip.style.left = `${Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8)}px`;
      tip.style.top = `${event.clientY + 14}px`;
    });
    this.svg.addEventListener("pointerleave", () => {
      guide.style.display = "none";
      tip.hidden = true;
    });
  }
}

function legend(id, entries) {
  for (const [colour, text] of entries) {
    const swatch = html("i");
    swatch.style.background = colour;
    byId(id).append(swatch, text);
  }
}

// --- over time ----------------------------------------------------------------------------------

const width = run.series_seconds;
const end = Math.max(run.seconds, width);
// The last slot is as long as it lasted, so that its rate is not too low.
const slots = run.series.map((slot) => {
  const lasted = Math.min(width, Math.max(run.seconds - slot.second, 0.001));
  return {...slot, x: slot.second + lasted / 2, lasted};
}).filter((slot) => slot.lasted > 0.25 * width || run.series.length < 3);

function timeAxis(chart) {
  chart.xScale(0, end);
  for (const t of ticks(end, 10)) if (t <= end) chart.xTick(t, `${+t.toFixed(2)} s`);
}

const LANE = 13, LANES = 4;
const shown = run.marks.filter((m) => m.kind !== "flush").slice(0, 60);
const markTop = shown.length ? 10 + LANE * Math.min(LANES, shown.length) : 10;

function drawMarks(chart, withText) {
  const free = new Array(LANES).fill(-Infinity);
  for (const m of shown) {
    const x = chart.x(Math.min(m.second, end)), harmed = m.kind === "chaos" ? " chaos" : "";
    chart.add("line", {class: `mark${harmed}`, x1: x, x2: x, y1: chart.top,
                       y2: chart.height - chart.bottom}).append(node("title", {}, m.text));
    if (!withText) continue;
    const length = m.text.length * (harmed ? 6.7 : 5.9) + 10;
    const back = x + length > chart.width;
    const from = back ? x - length : x;
    const lane = free.findIndex((until) => until < from);
    if (lane < 0) continue;
    free[lane] = from + length;
    chart.add("text", {class: `mark-text${harmed}`, x: back ? x - 4 : x + 2,
                       y: 12 + lane * LANE, "text-anchor": back ? "end" : "start"}, m.text);
  }
}

function drawRate() {
  const chart = new Chart("rate", WIDTH, 220 + markTop, {top: markTop + 6});
  const rate = (slot) => slot.ops / slot.lasted;
  const errors = (slot) => slot.errors / slot.lasted;
  chart.yScale(ticks(Math.max(1, ...slots.map((s) => Math.max(rate(s), errors(s))))), false, count);
  timeAxis(chart);
  drawMarks(chart, true);
  const wide = Math.max(1, 0.8 * (chart.x(width) - chart.x(0)));
  for (const slot of slots.filter((s) => s.errors > 0)) {
    const top = Math.min(chart.y(errors(slot)), chart.height - chart.bottom - 2);
    chart.add("rect", {class: "bar error", x: chart.x(slot.x) - wide / 2, width: wide, y: top,
                       height: chart.height - chart.bottom - top, fill: css("bad")});
  }
  chart.line(slots.map((s) => [s.x, rate(s)]), css("main"), true);
  legend("rate-legend", [[css("main"), "done"], [css("bad"), "failed"]]);
  chart.hover(slots, (s) => `${s.second} s: ${count(rate(s))} a second` +
                            (s.errors ? `, ${count(s.errors)} errors` : ""));
}

function drawLatency() {
  const chart = new Chart("latency", WIDTH, 230);
  const some = slots.filter((s) => s.ops > 0);
  const all = some.flatMap((s) => [s.p50_us, s.max_us]).filter((v) => v > 0);
  chart.yScale(all.length ? logTicks(Math.min(...all), Math.max(...all)) : [1, 10], true, latency);
  timeAxis(chart);
  drawMarks(chart, false);
  chart.line(some.map((s) => [s.x, s.max_us]), css("third"));
  chart.line(some.map((s) => [s.x, s.p99_us]), css("second"));
  chart.line(some.map((s) => [s.x, s.p50_us]), css("main"));
  legend("latency-legend", [[css("main"), "p50"], [css("second"), "p99"], [css("third"), "max"]]);
  chart.hover(some, (s) => `${s.second} s\np50 ${latency(s.p50_us)}\np99 ${latency(s.p99_us)}\n` +
                           `max ${latency(s.max_us)}`);
}

// --- of all -------------------------------------------------------------------------------------

function drawPercentiles() {
  const chart = new Chart("percentiles", HALF, 250);
  const curve = (list) => (list ?? []).filter((p) => p.us > 0)
      .map((p) => ({x: 1 / (1 - p.percent / 100), ...p}));
  const response = curve(run.percentiles_us), service = curve(run.service_percentiles_us);
  const all = [...response, ...service].map((p) => p.us);
  chart.yScale(all.length ? logTicks(Math.min(...all), Math.max(...all)) : [1, 10], true, latency);
  chart.xScale(1, 1e5, true);
  for (const [x, text] of [[1, "0"], [2, "50"], [10, "90"], [100, "99"], [1e3, "99.9"],
                           [1e4, "99.99"], [1e5, "99.999 %"]]) {
    if (x < 1e5) chart.xTick(x, text);
    else chart.add("text", {class: "axis", x: chart.width - 4, y: chart.height - 6,
                            "text-anchor": "end"}, text);
  }
  chart.line(service.map((p) => [p.x, p.us]), css("second"));
  chart.line(response.map((p) => [p.x, p.us]), css("main"));
  legend("percentile-legend", service.length
      ? [[css("main"), "response"], [css("second"), "service"]] : [[css("main"), "latency"]]);
  chart.hover(response, (p) => `${p.percent} % within ${latency(p.us)}`);
}

function drawHistogram() {
  const chart = new Chart("histogram", HALF, 250);
  const bars = run.histogram_us;
  const total = bars.reduce((sum, b) => sum + b.ops, 0) || 1;
  const most = Math.max(...bars.map((b) => b.ops / total), 0.01);
  chart.yScale(ticks(100 * most), false, (v) => `${+v.toFixed(1)} %`);
  if (bars.length === 0) return;
  const low = bars[0].to / Math.SQRT2, high = bars[bars.length - 1].to;
  chart.xScale(low, high, true);
  const inside = logTicks(low, high).filter((t) => t >= low && t <= high);
  for (const t of inside.length > 1 ? inside : [low, high]) chart.xTick(t, latency(t));
  for (const b of bars) {
    const x = chart.x(b.to / Math.SQRT2), y = chart.y(100 * b.ops / total);
    const bar = chart.add("rect", {class: "bar", x: x + 1, width: chart.x(b.to) - x - 2, y,
                                   height: chart.height - chart.bottom - y, fill: css("main")});
    bar.append(node("title", {}, `up to ${latency(b.to)}: ${count(b.ops)} ` +
                                 `(${(100 * b.ops / total).toFixed(2)} %)`));
  }
}

function drawRamp() {
  if (!run.ramp) return;
  byId("ramp-panel").hidden = false;
  const chart = new Chart("ramp", WIDTH, 230);
  const all = run.ramp.flatMap((s) => [s.latency_us.p50, s.latency_us.p99]).filter((v) => v > 0);
  chart.yScale(all.length ? logTicks(Math.min(...all), Math.max(...all)) : [1, 10], true, latency);
  const last = run.ramp[run.ramp.length - 1].offered;
  chart.xScale(run.ramp[0].offered * 0.9, last * 1.02);
  for (const s of run.ramp) chart.xTick(s.offered, count(s.offered));
  chart.line(run.ramp.map((s) => [s.offered, s.latency_us.p99]), css("second"));
  chart.line(run.ramp.map((s) => [s.offered, s.latency_us.p50]), css("main"));
  if (run.knee !== null) {
    const x = chart.x(run.knee);
    chart.add("line", {class: "mark chaos", x1: x, x2: x, y1: 10, y2: chart.height - 24});
    chart.add("text", {class: "mark-text chaos", x: x + 4, y: 20}, "knee");
  }
  legend("ramp-legend", [[css("main"), "p50"], [css("second"), "p99"]]);
  chart.hover(run.ramp.map((s) => ({x: s.offered, ...s})),
              (s) => `${count(s.offered)} offered, ${count(s.ops_per_second)} done\n` +
                     `p99 ${latency(s.latency_us.p99)}${s.met ? "" : "\nnot met"}`);
}

// --- words --------------------------------------------------------------------------------------

function table(id, titles, rows) {
  const made = html("table"), head = html("tr");
  for (const title of titles) head.append(html("th", {}, title));
  made.append(head);
  for (const row of rows) {
    const line = html("tr");
    for (const cell of row) {
      if (cell instanceof Node) line.append(cell);
      else line.append(html("td", {}, cell));
    }
    made.append(line);
  }
  byId(id).append(made);
}
const none = (id, text) => byId(id).append(html("p", {class: "none"}, text));

function head() {
  const s = run.settings, e = run.environment;
  byId("title").textContent = `${run.workload} on ${s.target}`;
  byId("facts").textContent =
      `${run.clients} clients${s.pipeline > 1 ? ` × ${s.pipeline}` : ""}, ` +
      `${s.open_loop ? "open" : "closed"} loop, ${count(s.keys)} keys of ${s.key_size} B, values ` +
      `of ${s.value_size} B, ${s.distribution}, ${s.consistency} reads, seed ${s.seed}` +
      (s.chaos ? `, chaos ${s.chaos}` : "");
  const verdict = (met, text) => byId("verdicts")
      .append(html("li", {class: met ? "met" : "failed"}, (met ? "✓ " : "✗ ") + text));
  if (run.check) verdict(run.check.linearizable, "linearizable");
  if (run.verify) verdict(run.verify.lost + run.verify.unreadable === 0, "nothing lost");
  for (const c of run.slo ?? []) {
    if (!["linearizable", "verified"].includes(c.clause)) verdict(c.met, c.clause);
  }
  byId("environment").textContent =
      `${e.cpu}, ${e.cores} cores, ${e.kernel}; kvbench ${e.version}, ${e.build}, ${e.compiler}; ` +
      `${e.filesystem}, fdatasync in ${e.fdatasync_of} p50 ${latency(e.fdatasync_p50_us)}, p99 ` +
      latency(e.fdatasync_p99_us);
}

function tiles() {
  const tile = (name, value, failed = false) => {
    const made = html("div", {class: failed ? "tile failed" : "tile"});
    made.append(html("span", {}, name), html("b", {}, value));
    byId("tiles").append(made);
  };
  tile("operations a second", count(run.ops_per_second));
  tile("p50", latency(run.latency_us.p50));
  tile("p99", latency(run.latency_us.p99));
  tile("p99.9", latency(run.latency_us.p999));
  tile("slowest", latency(run.latency_us.max));
  tile("errors", count(run.errors), run.errors > 0);
  if (run.longest_write_gap.ms > 0) {
    tile("longest without a write", latency(1000 * run.longest_write_gap.ms));
  }
  tile("client's CPU", `${run.client_cpu_percent.toFixed(0)} %`, run.client_cpu_percent >= 80);
}

function words() {
  byId("bottleneck").textContent = run.bottleneck;
  const stages = run.stages.filter((s) => s.busy_percent >= 1).slice(0, 12);
  if (stages.length) {
    table("stages", ["node", "stage", "busy", "", ""], stages.map((s) => {
      const cell = html("td"), use = html("span", {class: s.busy_percent >= 80 ? "use full" : "use"});
      const inside = html("i");
      inside.style.width = `${Math.min(100, s.busy_percent)}%`;
      use.append(inside);
      cell.append(use);
      return [s.node, html("td", {class: "left"}, s.stage), `${s.busy_percent.toFixed(0)} %`, cell,
              html("td", {class: "left"}, s.detail)];
    }));
  }
  const marks = run.marks.filter((m) => m.kind !== "flush").slice(0, 40);
  if (marks.length) {
    table("events", ["at", ""], marks.map(
        (m) => [`${m.second.toFixed(1)} s`, html("td", {class: "left"}, m.text)]));
  } else none("events", "no election, snapshot, compaction or stall was seen");
  const row = (name, ops, l) => [name, ops, latency(l.p50), latency(l.p99), latency(l.max)];
  table("runs", ["", "ops", "p50", "p99", "max"], [
    ...Object.entries(run.by_operation).map(([name, o]) => row(name, count(o.ops), o.latency_us)),
    ...(run.settings.open_loop ? [row("service time", "", run.service_us)] : []),
    ...(run.runs.length > 1 ? run.runs.map(
        (r, i) => row(`run ${i + 1}`, `${count(r.ops_per_second)}/s`, r.latency_us)) : [])]);
  const codes = Object.entries(run.errors_by_code);
  if (codes.length) table("errors", ["error", "times"], codes.map(([c, n]) => [c, count(n)]));
  else none("errors", "no operation failed");
  if (run.slo) {
    table("errors", ["clause", "found", ""], run.slo.map((c) => [c.clause, c.found,
        html("td", {class: c.met ? "good" : "bad"}, c.met ? "met" : "not met")]));
  }
}

head();
tiles();
drawRate();
drawLatency();
drawPercentiles();
drawHistogram();
drawRamp();
words();
