"""Style sheet of the report page: one column of calm type, light and dark, no request to any other place."""

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #faf9f6; --card: #ffffff; --ink: #1d2226; --soft: #5d666e; --faint: #e6e3dc; --track: #ece9e2;
  --made: #0f766e; --made-soft: #b9dcd6; --real: #b45309; --miss: #b4413a; --hit-bg: #e3f1ee; --miss-bg: #f8e7e4;
  --manner: #6d4bb5; --shadow: 0 1px 2px rgba(30, 30, 20, .06), 0 6px 20px rgba(30, 30, 20, .05);
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171a; --card: #1c2024; --ink: #e8e6e1; --soft: #9aa4ab; --faint: #2e3338; --track: #2a2f34;
    --made: #4fc1b0; --made-soft: #1f4a45; --real: #e0a04e; --miss: #ec8f86; --hit-bg: #17332f; --miss-bg: #3b2422;
    --manner: #b79cf0; --shadow: none;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 ui-sans-serif, system-ui, -apple-system, "Segoe UI", "Helvetica Neue", "DejaVu Sans", Arial,
    sans-serif;
}
main { max-width: 1120px; margin: 0 auto; padding: 3.2rem 1.4rem 4rem; }
h1 { font-size: clamp(1.7rem, 4vw, 2.5rem); line-height: 1.15; letter-spacing: -.02em; margin: 0 0 .6rem; }
h2 { font-size: 1.3rem; letter-spacing: -.01em; margin: 3.4rem 0 .35rem; }
h3 { font-size: 1rem; margin: 1.6rem 0 .4rem; }
p.lead, p.note { color: var(--soft); max-width: 46rem; margin: .2rem 0 1.2rem; }
p.note { font-size: .9rem; margin-bottom: .3rem; } p.note + .facts { margin-bottom: 1rem; }
.facts { display: flex; flex-wrap: wrap; gap: .35rem 1.4rem; color: var(--soft); font-size: .88rem; margin: 0;
  padding: 0; list-style: none; }
.facts b { color: var(--ink); font-weight: 600; }
code, .mono { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .86em; }
a { color: var(--made); }
.card { background: var(--card); border: 1px solid var(--faint); border-radius: 14px; box-shadow: var(--shadow); }

.legend { display: flex; flex-wrap: wrap; gap: .3rem 1.3rem; font-size: .86rem; color: var(--soft);
  margin: .2rem 0 1rem; }
.legend span { display: inline-flex; align-items: center; gap: .45rem; }
.key { width: 1.15rem; height: .6rem; border-radius: 3px; display: inline-block; }
.key.made { background: var(--made); } .key.chance { background: var(--soft); width: 3px; height: 1rem; }
.key.real { background: var(--real); width: 3px; height: 1rem; }

.ways { padding: 1.1rem 1.3rem; }
.way { display: grid; grid-template-columns: minmax(9rem, 17rem) 1fr 9.5rem; gap: .2rem 1.1rem; align-items: center;
  padding: .42rem 0; }
.way + .way.first { border-top: 1px solid var(--faint); margin-top: .5rem; padding-top: .9rem; }
.way .label { font-size: .92rem; } .way.sub .label { color: var(--soft); padding-left: .9rem; font-size: .86rem; }
.way.first .label { font-weight: 600; }
.track { position: relative; height: .95rem; background: var(--track); border-radius: 5px; }
.way.sub .track { height: .6rem; }
.track i { position: absolute; top: 0; bottom: 0; display: block; }
.track .made { background: var(--made); border-radius: 4px; }
.track .below { background: var(--miss); border-radius: 4px; }
.track .chance, .track .real { width: 3px; margin-left: -1.5px; top: -3px; bottom: -3px; border-radius: 2px; }
.track .chance { background: var(--soft); } .track .real { background: var(--real); }
.figure { font-variant-numeric: tabular-nums; text-align: right; line-height: 1.2; }
.figure b { font-size: 1.05rem; } .way.sub .figure b { font-size: .92rem; font-weight: 600; }
.figure small { color: var(--soft); display: block; font-size: .76rem; }

.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(318px, 1fr)); gap: 1.1rem; }
.utterance { padding: .9rem; display: flex; flex-direction: column; gap: .65rem; }
.pictures { display: flex; gap: .65rem; align-items: stretch; }
figure { margin: 0; } figcaption { font-size: .72rem; color: var(--soft); margin-top: .2rem; }
.pictures .big { flex: 1 1 auto; } .pictures .big img { width: 100%; aspect-ratio: 1; }
.pictures .side { flex: 0 0 84px; display: flex; flex-direction: column; justify-content: space-between; gap: .35rem; }
.pictures .side img { width: 84px; height: 84px; }
img { display: block; border-radius: 8px; background: var(--track); }
audio { width: 100%; height: 34px; }
blockquote { margin: 0; font-size: .95rem; line-height: 1.4; }
.who { font-size: .76rem; color: var(--soft); }
.tag { border: 1px solid var(--faint); border-radius: 99px; padding: .05rem .5rem; white-space: nowrap; }
.chips { display: flex; flex-wrap: wrap; gap: .3rem; margin: 0; padding: 0; list-style: none; font-size: .76rem; }
.chips li { border-radius: 99px; padding: .12rem .6rem; background: var(--hit-bg); color: var(--made); }
.chips li.miss { background: var(--miss-bg); color: var(--miss); } .chips li.miss s { opacity: .75; }
.chips li.manner { box-shadow: inset 0 0 0 1px var(--manner); }
.chips li.plain { background: var(--track); color: var(--soft); }

.rows { padding: 1rem 1.2rem; }
.row + .row { border-top: 1px solid var(--faint); margin-top: .9rem; padding-top: .9rem; }
.row p { margin: 0 0 .5rem; font-size: .92rem; }
.strip { display: grid; grid-template-columns: 8.5rem repeat(8, minmax(0, 1fr)); gap: .4rem; align-items: center;
  margin-top: .3rem; }
.strip span { color: var(--soft); font-size: .78rem; line-height: 1.25; } .strip img { width: 100%; aspect-ratio: 1; }

.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(250px, 1fr)); gap: .9rem; }
.chart { padding: .7rem .8rem .4rem; } .chart h4 { margin: 0; font-size: .82rem; font-weight: 600; }
.chart h4 small { color: var(--soft); font-weight: 400; float: right; font-variant-numeric: tabular-nums; }
svg { display: block; width: 100%; height: auto; } svg text { fill: var(--soft); font-size: 10px; }
svg .grid { stroke: var(--faint); stroke-width: 1; } svg .raw { stroke: var(--made-soft); fill: none; stroke-width: 1; }
svg .smooth { stroke: var(--made); fill: none; stroke-width: 1.8; stroke-linejoin: round; }

.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .86rem; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: var(--soft); font-size: .78rem; white-space: nowrap; }
th, td { padding: .42rem .7rem; border-bottom: 1px solid var(--faint); vertical-align: top; }
tr:last-child td { border-bottom: 0; } td.num, th.num { text-align: right; white-space: nowrap; }
td .track { width: 11rem; margin-top: .35rem; height: .6rem; }
td.value { white-space: nowrap; font-weight: 600; } td small { color: var(--soft); font-weight: 400; }
td.rowhead { white-space: nowrap; }
tbody th { color: var(--ink); padding-top: 1rem; font-size: .86rem; }
details { margin: .6rem 0; } summary { cursor: pointer; padding: .7rem 1rem; font-weight: 600; font-size: .92rem; }
summary small { color: var(--soft); font-weight: 400; margin-left: .5rem; }
details > .scroll { padding: 0 .5rem .6rem; }
ol.protocols { font-size: .84rem; color: var(--soft); padding-left: 1.6rem; max-width: 60rem; }
ol.protocols li { margin: .3rem 0; } ol.protocols li:target { color: var(--ink); }
sup a { text-decoration: none; font-size: .72rem; padding-left: .15rem; }
footer { margin-top: 3.5rem; padding-top: 1rem; border-top: 1px solid var(--faint); color: var(--soft);
  font-size: .82rem; }
@media (max-width: 720px) {
  .way { grid-template-columns: 1fr auto; } .way .track { grid-column: 1 / -1; grid-row: 2; }
  .strip { grid-template-columns: repeat(4, 1fr); } .strip span { grid-column: 1 / -1; }
}
@media print { .card { box-shadow: none; break-inside: avoid; } audio { display: none; } }
"""
