# SPDX-License-Identifier: Apache-2.0
"""A run of peers.py as a plain bar chart in SVG: prefill in one panel, decode in the other, a bar for each program.

A bar is as long as the median of the rounds; its whisker goes from the least to the most. In a panel the bars of one model share
a scale, and each model has its own: a small model is faster than a large one by orders of magnitude. No figure, no bar.
Only the standard library; no script and no font in the file, and its colours follow the reader's light or dark scheme.
"""
import statistics
from html import escape

MEASURES = ("prefill", "decode")
BAR, ROW = 12, 19       # pixels: a bar's height, and from one bar to the next
TRACK, NUMBER = 300, 70  # the longest bar of a panel, and room for the number behind it
LETTER = 7.2            # about a letter's width at 12 pixels

STYLE = """
text { font: 12px sans-serif; fill: #1f2328 }
.model, .panel { font-weight: bold }
.number, .none { font-size: 11px }
.none, .note { fill: #59636e }
.page { fill: #ffffff }
.graft { fill: #5b9bd9 }
.peer { fill: #b4bcc4 }
.whisker { stroke: #1f2328; fill: none }
.base { stroke: #8c959f }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .none, .note { fill: #9198a1 }
  .page { fill: #0d1117 }
  .graft { fill: #2f6fb5 }
  .peer { fill: #565e67 }
  .whisker { stroke: #e6edf3 }
  .base { stroke: #656c76 }
}
"""


def printable(text):
    """The text without what a terminal acts on or XML 1.0 has no place for (control characters, halves of surrogate pairs)."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def figures(values):
    """-> (median, least, most) as they are written, with one digit behind the point below 100"""
    middle = statistics.median(values)
    return [f"{value:,.{0 if middle >= 100 else 1}f}" for value in (middle, min(values), max(values))]


def cell(values):
    return "{} ({} to {})".format(*figures(values)) if values else ""


def draw(names, samples):
    """names: the programs in order, "graft" is ours. samples: {(model, depth, measure): {name: [tokens per second]}}. -> SVG"""
    shown = {key: by_name for key, by_name in samples.items() if key[2] in MEASURES}
    groups = {}  # model -> its depths, both in the run's order
    for model, depth, _ in shown:
        if depth not in groups.setdefault(model, []):
            groups[model].append(depth)
    left = 16 + LETTER * max(map(len, [*names, "depth 4,096"]))
    starts = [left + i * (TRACK + NUMBER + 16) for i in range(len(MEASURES))]
    width = starts[-1] + TRACK + NUMBER
    width = max([width, *(24 + 1.1 * LETTER * len(model) for model in groups)])
    rounds = max((len(v) for by_name in shown.values() for v in by_name.values()), default=0)
    out = [text(8, 20, "note", f"Tokens per second: median of {rounds} round{'s' * (rounds != 1)}, whiskers from least to most. Each model has its own scale.")]
    out += [text(x, 44, "panel", measure) for x, measure in zip(starts, MEASURES)]
    y = 52
    for model, depths in groups.items():
        y += 22
        out.append(text(8, y, "model", model))
        most = {m: max((max(v) for d in depths for v in shown.get((model, d, m), {}).values() if v), default=0) for m in MEASURES}
        for depth in depths:
            y += 18
            out.append(text(8, y, "note", f"depth {depth:,}"))
            top = y + 6
            for name in names:
                out.append(text(left - 8, y + 16, "name", name, ' text-anchor="end"'))
                for x, measure in zip(starts, MEASURES):
                    values = shown.get((model, depth, measure), {}).get(name)
                    what = f"{name}, {model}, depth {depth:,}, {measure}"
                    if values:
                        out += bar(x, y + 6, values, most[measure], what, "graft" if name == "graft" else "peer")
                    else:
                        out.append(text(x + 6, y + 16, "none", "no figure"))
                y += ROW
            out += [f'<path class="base" d="M{x:.1f} {top - 2}V{y + 4}"/>' for x in starts]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {y + 16}" width="{width:.0f}" height="{y + 16}" role="img">'
    title = f"<title>Tokens per second of {escape(printable(', '.join(names)))}</title>"
    return "\n".join([head, title, f"<style>{STYLE}</style>", '<rect class="page" width="100%" height="100%"/>', *out, "</svg>"]) + "\n"


def text(x, y, kind, words, more=""):
    return f'<text x="{x:.1f}" y="{y}" class="{kind}"{more}>{escape(printable(words))}</text>'


def bar(x, y, values, full, what, kind):
    """full: the value of a bar as long as the track"""
    length, least, most = (TRACK * (v / (full or 1)) for v in (statistics.median(values), min(values), max(values)))
    middle = y + BAR / 2
    out = [f'<rect class="bar {kind}" x="{x:.1f}" y="{y}" width="{length:.2f}" height="{BAR}"><title>{escape(printable(f"{what}: {cell(values)}"))}</title></rect>']
    if most > least:
        a, b = x + least, x + most
        out.append(f'<path class="whisker" d="M{a:.2f} {middle - 3}v6M{a:.2f} {middle}H{b:.2f}M{b:.2f} {middle - 3}v6"/>')
    out.append(text(x + max(length, most) + 6, y + 10, "number", figures(values)[0]))
    return out
