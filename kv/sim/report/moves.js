// --- what the reader does ---------------------------------------------------------------------------
let due = false;
function show(from, to) {
  const span = Math.min(Math.max(to - from, 200), run.end);
  from = Math.min(Math.max(0, from), run.end - span);
  view = [from, from + span];
  if (due) return;
  due = true;
  requestAnimationFrame(() => { due = false; draw(); });
}
function zoom(factor, centre = (view[0] + view[1]) / 2) {
  show(centre - (centre - view[0]) * factor, centre + (view[1] - centre) * factor);
}

// So narrow that a message's way is a slope, and so wide that the exchange around is seen.
function showAround(t) {
  const list = model.messages;
  const at = firstAt(list, t, (m) => m[0]);
  const ways = list.slice(Math.max(0, at - 40), at + 40).filter((m) => m[2]).map((m) => m[1] - m[0]).sort((x, y) => x - y);
  const usual = ways.length ? ways[ways.length >> 1] : 1000;
  const span = Math.min(Math.max(45 * usual, 6000), 900000);
  show(t - span * 0.36, t + span * 0.64);
}
function jump(what, way) {
  const list = what === "election" ? model.elections : model[what];
  const middle = view[0] + (view[1] - view[0]) * 0.4;
  const slack = (view[1] - view[0]) * 0.12;
  const next = way > 0 ? list.find((t) => t > middle + slack) : list.filter((t) => t < middle - slack).pop();
  if (next === undefined) return;
  if (what === "election") return showAround(next);
  const span = view[1] - view[0];
  show(next - span * 0.4, next + span * 0.6);
}
function opening() {
  const asked = /^#(\d+)-(\d+)$/.exec(location.hash);  // milliseconds
  if (asked) return show(asked[1] * 1000, asked[2] * 1000);
  const failed = run.failures[0];
  if (failed) return show(failed[0] - 150000, failed[0] + 30000);
  if (model.elections.length) return showAround(model.elections[0]);
  show(0, Math.min(run.end, 2e6));
}

const tipBox = byId("tip");
drawing.addEventListener("pointermove", (e) => {
  const index = e.target.getAttribute && e.target.getAttribute("data-tip");
  document.querySelectorAll(".lit").forEach((lit) => lit.classList.remove("lit"));
  tipBox.hidden = index === null;
  if (index === null) return;
  if (e.target.classList.contains("hit")) {
    for (let s = e.target.previousSibling; s; s = s.previousSibling) {
      if (s.classList.contains("msg")) { s.classList.add("lit"); break; }
    }
  }
  tipBox.innerHTML = tips[index];
  const box = tipBox.getBoundingClientRect();
  tipBox.style.left = Math.min(e.clientX + 14, innerWidth - box.width - 8) + "px";
  tipBox.style.top = (e.clientY + 18 + box.height > innerHeight ? e.clientY - box.height - 12 : e.clientY + 18) + "px";
});
drawing.addEventListener("pointerleave", () => { tipBox.hidden = true; });

let held = null;
drawing.addEventListener("pointerdown", (e) => {
  held = { x: e.clientX, view: [...view] };
  drawing.setPointerCapture(e.pointerId);
  drawing.classList.add("moving");
});
drawing.addEventListener("pointermove", (e) => {
  if (!held) return;
  const moved = (held.x - e.clientX) / (width - LEFT - RIGHT) * (held.view[1] - held.view[0]);
  show(held.view[0] + moved, held.view[1] + moved);
});
for (const end of ["pointerup", "pointercancel"]) {
  drawing.addEventListener(end, () => { held = null; drawing.classList.remove("moving"); });
}
drawing.addEventListener("wheel", (e) => {
  e.preventDefault();
  const px = e.clientX - drawing.getBoundingClientRect().left;
  if (Math.abs(e.deltaX) > Math.abs(e.deltaY)) {
    const by = e.deltaX / width * (view[1] - view[0]);
    show(view[0] + by, view[1] + by);
  } else {
    zoom(e.deltaY > 0 ? 1.25 : 0.8, back(Math.max(LEFT, px)));
  }
}, { passive: false });
let brushing = false;
const brush = (e) => {
  const px = e.clientX - overview.getBoundingClientRect().left;
  const t = (px - LEFT) / (width - LEFT - RIGHT) * run.end, half = (view[1] - view[0]) / 2;
  show(t - half, t + half);
};
overview.addEventListener("pointerdown", (e) => { brushing = true; overview.setPointerCapture(e.pointerId); brush(e); });
overview.addEventListener("pointermove", (e) => { if (brushing) brush(e); });
overview.addEventListener("pointerup", () => { brushing = false; });

document.querySelectorAll("[data-jump]").forEach((b) =>
  b.addEventListener("click", () => jump(b.dataset.jump, Number(b.dataset.way))));
byId("in").addEventListener("click", () => zoom(0.5));
byId("out").addEventListener("click", () => zoom(2));
byId("all").addEventListener("click", () => show(0, run.end));
byId("start").addEventListener("click", () => model.elections.length && showAround(model.elections[0]));
addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey || e.target.tagName === "SELECT") return;
  const step = (view[1] - view[0]) * 0.2;
  const keys = { ArrowLeft: () => show(view[0] - step, view[1] - step), ArrowRight: () => show(view[0] + step, view[1] + step),
    "+": () => zoom(0.6), "-": () => zoom(1.6), e: () => jump("election", 1), E: () => jump("election", -1),
    c: () => jump("crash", 1), C: () => jump("crash", -1), f: () => jump("fault", 1), F: () => jump("fault", -1) };
  if (keys[e.key]) { keys[e.key](); e.preventDefault(); }
});
addEventListener("hashchange", opening);
addEventListener("resize", () => show(...view));

function legend() {
  const box = byId("legend");
  const arrow = (colour) => `<svg><path d="M0 6h18" stroke="${colour}" stroke-width="2"/><path d="M17 2l7 4l-7 4z" fill="${colour}"/></svg>`;
  const toggles = [["votes", "votes", arrow("#6d28bd")], ["appends", "appends", arrow("#2268c9")], ["acks", "acknowledgements", arrow("#1c9a70")],
    ["beats", "heartbeats", arrow("#a9b5c2")], ["reads", "read index", arrow("#0d93a8")],
    ["calls", "client calls: done", '<svg><rect y="4" width="24" height="4" rx="2" fill="#1c9a70"/></svg>'],
    ["faults", "faults", '<svg><rect width="24" height="12" rx="3" fill="#f3c1a5" stroke="#d97b45"/></svg>']];
  for (const [family, words, picture] of toggles) {
    const span = document.createElement("span");
    span.className = "toggle";
    span.title = "show or hide";
    span.innerHTML = picture + words;
    span.addEventListener("click", () => { shown[family] = !shown[family]; span.classList.toggle("off", !shown[family]); draw(); });
    box.appendChild(span);
  }
  const fixed = [['<svg><rect y="4" width="24" height="4" rx="2" fill="#d0342c"/></svg>', "refused"], ['<svg><rect y="4" width="24" height="4" rx="2" fill="#e09112"/></svg>', "outcome unknown"],
    ['<svg><rect y="-1" width="24" height="14" rx="3" fill="#2f6fd0"/></svg>', "leads"], ['<svg><rect width="24" height="12" rx="2" fill="#f5b64a" stroke="#c27c07"/></svg>', "candidate"],
    ['<svg><rect y="4" width="24" height="4" fill="#2f6fd0" opacity="0.6"/></svg>', "follows"], ['<svg><path d="M12 0l6 6l-6 6l-6-6z" fill="#12324f"/></svg>', "commit"],
    ['<svg><path d="M6 0l12 12m0-12l-12 12" stroke="#d0342c" stroke-width="3"/></svg>', "crash"], ['<svg><circle cx="12" cy="6" r="5" fill="#fff" stroke="#1c9a70" stroke-width="2.4"/></svg>', "start"],
    ['<svg><rect x="7" y="1" width="10" height="10" fill="#fff" stroke="#0d93a8" stroke-width="2.2"/></svg>', "snapshot installed"]];
  for (const [picture, words] of fixed) {
    const span = document.createElement("span");
    span.innerHTML = picture + words;
    box.appendChild(span);
  }
}

function begin() {
  document.title = `Cairn: seed ${run.seed}`;
  byId("facts").innerHTML = `seed <b>${safe(run.seed)}</b> · profile <b>${safe(run.profile)}</b> · ${run.count} nodes · ` +
    `${time(run.end)} of virtual time · ${run.sent.toLocaleString("en")} messages · trace hash <b>${safe(run.hash)}</b>`;
  byId("verdict").textContent = run.verdict;
  byId("verdict").className = run.verdict === "ok" ? "" : "failed";
  const choice = byId("group");
  for (const g of groups) choice.add(new Option(g === 0 ? "metadata" : String(g), g, false, g === group));
  byId("group-choice").hidden = groups.length < 2;
  choice.addEventListener("change", () => { group = Number(choice.value); build(); draw(); });
  legend();
  build();
  draw();
  opening();
}
begin();
