"""What stands around the sections of the stand-in's page, style included: it loads nothing from anywhere."""

from string import Template

FRAME = Template("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="refresh" content="2">
<title>LiveIntent stand-in</title>
<style>
:root {
  --page: #f6f7f9; --card: #fff; --ink: #1c2430; --soft: #5d6878; --line: #e1e5ea;
  --good: #1a7f4b; --busy: #2463b3; --bad: #b3361f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #12161c; --card: #1b212a; --ink: #e6eaf0; --soft: #98a4b5; --line: #2c3540;
    --good: #4cc38a; --busy: #6ea8f0; --bad: #f2836b;
  }
}
* { box-sizing: border-box }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif }
main { max-width: 68rem; margin: 0 auto; padding: 1.25rem 1rem 3rem }
h1 { font-size: 1.1rem; margin: 0 }
h2 { font-size: .95rem; margin: 1.6rem 0 .5rem }
h2 small { color: var(--soft); font-weight: normal }
p { margin: 0 0 1rem }
header p, footer, .quiet { color: var(--soft); font-size: .86rem }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: .6rem; margin: 0 }
dl div, .wide { background: var(--card); border: 1px solid var(--line); border-radius: 8px }
dl div { padding: .5rem .8rem }
dt { color: var(--soft); font-size: .78rem }
dd { margin: 0; font-size: 1.25rem; font-variant-numeric: tabular-nums }
.wide { overflow-x: auto }
.empty { padding: .6rem .8rem }
table { border-collapse: collapse; width: 100%; font-size: .88rem }
th, td { padding: .38rem .8rem; text-align: left; vertical-align: middle; border-top: 1px solid var(--line) }
thead th { border-top: 0; color: var(--soft); font-weight: 500; white-space: nowrap }
tbody th { font-weight: 500; overflow-wrap: anywhere; min-width: 10rem }
footer { margin-top: 1.6rem }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
td.bar { width: 30% } meter { width: 100%; min-width: 4rem }
.good { color: var(--good) } .busy { color: var(--busy) } .bad { color: var(--bad) }
@media (max-width: 40rem) { th, td { padding: .38rem .5rem } }
</style>
</head>
<body>
<main>
<header>
<h1>LiveIntent stand-in</h1>
<p>It is not LiveIntent, and nothing leaves this machine. All of it is in memory.</p>
</header>
<dl>$tiles</dl>
$sections
<footer><p>Renews itself every 2 seconds. The same for programs:
<code>/_sandbox/state</code>, <code>/_sandbox/members?audience=NAME</code>. How to make it go wrong:
<code>curl</code> this address.</p></footer>
</main>
</body>
</html>
""")
