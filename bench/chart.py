#!/usr/bin/python3
"""The race's results as a chart (bench.svg) and as tables (BENCH.md). Every number in them comes from the run.

  chart.py build/bench/results.json FOLDER
"""
import json
import re
import sys

WIDTH, COLUMN, NAME, BAR, STEP, HEAD, GAP = 960, 470, 112, 280, 17, 30, 22
CLIP = 4.0   # the axis ends here; a longer bar is cut, and says its number

STYLE = """
text { font: 12px system-ui, sans-serif; fill: #24292f; }
.title { font-size: 17px; font-weight: 600; }
.load { font-weight: 600; }
.note, .number { fill: #57606a; }
.bar { fill: #8c959f; }
.floor { fill: #afb8c1; }
.folio { fill: #bc4c00; }
.strong { font-weight: 600; fill: #953800; }
.line { stroke: #57606a; stroke-dasharray: 3 3; }
.cut { stroke: #ffffff; stroke-width: 3; }
.page { fill: #ffffff; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .note, .number { fill: #9198a1; }
  .bar { fill: #656c76; }
  .floor { fill: #3d444d; }
  .folio { fill: #f0883e; }
  .strong { fill: #ffa657; }
  .line { stroke: #9198a1; }
  .cut { stroke: #0d1117; }
  .page { fill: #0d1117; }
}
"""


def escape(text):
    return text.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')


def draw_load(load, x, y):
    """One load's bars, the upper left corner at x, y."""
    scale, parts = BAR / CLIP, [f'<text class="load" x="{x}" y="{y + 12}">{escape(load["title"])}</text>']
    top = y + 20
    for name, row in load['servers'].items():
        ratio = row['to_floor']
        length, cut = min(ratio, CLIP) * scale, ratio > CLIP
        kind = 'folio' if name == 'folio' else 'floor' if name.startswith('floor') else 'bar'
        strong = ' class="strong"' if name == 'folio' else ''
        left, middle = x + NAME, top + 10
        parts.append(f'<text{strong} x="{left - 8}" y="{middle}" text-anchor="end">{escape(name)}</text>')
        parts.append(f'<rect class="{kind}" x="{left}" y="{top}" width="{length:.1f}" height="{STEP - 5}" rx="2"/>')
        if cut:
            at = left + length - 14
            parts.append(f'<path class="cut" d="M{at + 4:.1f} {top - 1} l-4 {STEP - 3}"/>')
        number = f'{ratio:.2f}' if ratio < 10 else f'{ratio:.1f}'
        css = 'strong' if name == 'folio' else 'number'
        parts.append(f'<text class="{css}" x="{left + length + 6:.1f}" y="{middle}">{number}</text>')
        top += STEP
    at = x + NAME + scale
    parts.append(f'<path class="line" d="M{at:.1f} {y + 17} V{top}"/>')
    return parts


def svg(results):
    facts, loads = results['machine'], list(results['loads'].values())
    parts, y = [], 84
    for left in range(0, len(loads), 2):
        pair = loads[left:left + 2]
        for column, load in enumerate(pair):
            parts += draw_load(load, 12 + column * COLUMN, y)
        y += HEAD + STEP * max(len(load['servers']) for load in pair) + GAP
    lines = ["The floor only receives and sends: it is what the kernel's sockets cost. One worker each, on one CPU.",
             f'{facts["cpu"]}, {facts["kernel"]}, {facts["date"]}. ' + ', '.join(results['versions'].values()) + '.']
    notes = [f'<text class="note" x="12" y="{46 + 17 * i}">{escape(line)}</text>' for i, line in enumerate(lines)]
    return '\n'.join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}" role="img" '
        'aria-label="CPU time per request of several web servers, as a ratio to the floor">',
        f'<style>{STYLE}</style>', f'<rect class="page" width="{WIDTH}" height="{y}"/>',
        '<text class="title" x="12" y="26">CPU time per request, as a ratio to the floor (shorter is better)</text>',
        *notes, *parts, '</svg>', ''])


def table(results, cell):
    loads = results['loads']
    names = list(dict.fromkeys(name for load in loads.values() for name in load['servers']))
    lines = ['| server | ' + ' | '.join(load['title'] for load in loads.values()) + ' |',
             '|---|' + '--:|' * len(loads)]
    for name in names:
        cells = [cell(load, load['servers'][name]) if name in load['servers'] else '' for load in loads.values()]
        cells = [f'**{text}**' if name == 'folio' and text else text for text in cells]
        lines.append(f'| {name} | ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines)


def markdown(results):
    facts = results['machine']
    return f"""# How much CPU does an answer cost?

![CPU time per request, as a ratio to the floor](bench.svg)

Measured by `make bench` on {facts['date']}:

- {facts['cpu']}, {facts['cores']} cores, {facts['memory_gib']} GiB; {facts['system']}, {facts['kernel']}, TCP with
  {facts['congestion']} congestion control
- {', '.join(results['versions'].values())}
- the medians of {results['rounds']} interleaved rounds of {results['seconds']:g} s; each server has one worker on one
  CPU, the client has another

This page is written by the benchmark; [bench/README.md](../bench/README.md) says how to read and to repeat it.

## CPU time per request, as a ratio to the floor

The floor only receives and sends, without parsing, look-up or log. It does what suits the size: copy up to 16 KiB,
`sendfile` from 100 KiB.

{table(results, lambda load, row: f"{row['to_floor']:.2f}")}

## Microseconds of CPU time per request

{table(results, lambda load, row: f"{row['cpu_us']:.3g}" if row['cpu_us'] < 100 else f"{row['cpu_us']:.0f}")}

## Answers per second, and GB/s for the big files

Where a server has time left, the client on its one CPU is the limit, and this is the client's figure.

{table(results, lambda load, row: f"{row['mb_s'] / 1000:.1f} GB/s" if load['size'] >= 100 << 10
       else f"{row['rps'] / 1000:.1f} k")}
"""


def parts_of(page):
    """{name: text} of what other benchmarks have put at the end of the page."""
    pieces = re.split(r'^<!-- of bench/run (\w+) -->\n', page, flags=re.M)
    return dict(zip(pieces[1::2], pieces[2::2]))


def write_page(text, parts, folder):
    with open(f'{folder}/BENCH.md', 'w') as out:
        out.write(text.rstrip('\n') + '\n')
        for name, part in parts.items():
            out.write(f'\n<!-- of bench/run {name} -->\n' + part.strip('\n') + '\n')


def old_page(folder):
    try:
        with open(f'{folder}/BENCH.md') as page:
            return page.read()
    except FileNotFoundError:
        return ''


def write(results, folder):
    """The race's part; those of the others stay."""
    with open(f'{folder}/bench.svg', 'w') as out:
        out.write(svg(results))
    write_page(markdown(results), parts_of(old_page(folder)), folder)


def write_part(name, text, folder):
    """The part of another benchmark; the rest stays."""
    page = old_page(folder)
    write_page(page.partition('\n<!-- of bench/run ')[0], {**parts_of(page), name: text}, folder)


if __name__ == '__main__':
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1]) as given:
        write(json.load(given), sys.argv[2])
