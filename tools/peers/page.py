"""The rows as Markdown, and as a picture: one bar a row, its length the ratio to the peer."""
from html import escape
from statistics import median


def figure(value, unit):
    if value is None:
        return "–"
    if unit == "us":
        return f"{value / 1000:.2f} ms"
    if unit == "1/s":
        return f"{value:,.0f}/s"
    if unit == "s":
        return f"{value * 1000:.0f} ms" if value < 10 else f"{value:.1f} s"
    return f"{value:,.1f} {unit}"


def verdict(row):
    return {None: "", True: "met", False: "missed"}[row.met]


def aim(row):
    if row.target is None:
        return row.note
    return f"{'≤' if row.lower_is_better else '≥'} {row.target:g}×"


def quiet_or_not(busiest):
    if busiest < 0.15:
        return "The machine was quiet before each run."
    return (f"**The machine was up to {busiest:.0%} busy with something else before a run**: "
            "take the figures with care.")


def markdown(rows, environment, rounds, seconds, busiest):
    lines = ["# Cairn beside its peers", "",
             "{cpu}, {cores} cores, {memory_mib:,} MiB, Linux {kernel}, {filesystem}; servers and "
             "load generator share the cores. {etcd}; {redis}; wrk {wrk}; Cairn {cairn}, {date}."
             .format(**environment), "",
             f"256-byte values, 16-byte keys, uniform over 100,000, durable. Both sides in turn, "
             f"{rounds} rounds of {seconds} s: medians, and the ratio of each round (median, "
             "least, most). " + quiet_or_not(busiest), "",
             "| work | Cairn | other side | | ratio | spread | aim | |",
             "| --- | --: | --: | --- | --: | --- | --- | --- |"]
    for row in rows:
        ratios = row.ratios()
        lines.append(
            f"| {row.work} | {figure(median(row.ours), row.unit)} | "
            f"{figure(median(row.theirs), row.unit)} | {row.peer} | {row.ratio:.2f}× | "
            f"{min(ratios):.2f}–{max(ratios):.2f} | {aim(row)} | {verdict(row)} |")
    return "\n".join(lines) + "\n"


STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2933 } .faint { fill: #7b8794; font-size: 11px }
.title { font-size: 17px; font-weight: 600 } .met { fill: #2f9e6e } .missed { fill: #d9822b }
.told { fill: #5b8def } .aim { stroke: #1f2933; stroke-width: 2 } .paper { fill: #ffffff }
.spread { stroke: #1f2933; stroke-opacity: .45; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
  text { fill: #e4e7eb } .faint { fill: #9aa5b1 } .aim, .spread { stroke: #e4e7eb }
  .paper { fill: #16191d } }
"""


def svg(rows, environment):
    """Ratios on a scale of their own a row: the bar is full at the better of ratio and aim."""
    width, left, bar, line, top = 980, 430, 360, 30, 64
    height = top + line * len(rows) + 34
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">',
           f"<style>{STYLE}</style>", '<rect class="paper" width="100%" height="100%"/>',
           '<text class="title" x="20" y="28">Cairn beside its peers: ratio of each row</text>',
           f'<text class="faint" x="20" y="46">{escape(environment["cpu"])}, '
           f'{environment["cores"]} cores; bar: median of the rounds, whisker: least and most, '
           "mark: the aim</text>"]
    for number, row in enumerate(rows):
        ratios, y = row.ratios(), top + line * number
        longest = max([max(ratios), row.target or 0]) * 1.05

        def at(ratio):
            return left + bar * ratio / longest
        kind = {None: "told", True: "met", False: "missed"}[row.met]
        out += [f'<text x="{left - 12}" y="{y + 13}" text-anchor="end">{escape(row.work)}</text>',
                f'<text class="faint" x="{left - 12}" y="{y + 24}" text-anchor="end">against '
                f"{escape(row.peer)}</text>",
                f'<rect class="{kind}" x="{left}" y="{y + 4}" width="{at(row.ratio) - left:.1f}" '
                'height="16" rx="3"/>',
                f'<line class="spread" x1="{at(min(ratios)):.1f}" x2="{at(max(ratios)):.1f}" '
                f'y1="{y + 12}" y2="{y + 12}"/>']
        if row.target is not None:
            out.append(f'<line class="aim" x1="{at(row.target):.1f}" x2="{at(row.target):.1f}" '
                       f'y1="{y + 1}" y2="{y + 23}"/>')
        better = " (less is better)" if row.lower_is_better else ""
        out.append(f'<text x="{left + bar + 14}" y="{y + 16}">{row.ratio:.2f}×'
                   f'<tspan class="faint"> {better}</tspan></text>')
    out.append("</svg>")
    return "\n".join(out) + "\n"
