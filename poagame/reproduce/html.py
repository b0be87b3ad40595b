"""A report as one HTML file: figures and tables inside, no network, light and dark, wide and narrow."""

from __future__ import annotations

import base64
import html
import re
from pathlib import Path

from markdown_it import MarkdownIt

_STYLE = """
:root { color-scheme: light dark; --text: #1a1c20; --soft: #5c636e; --line: #d9dde3; --page: #fff; --panel: #f6f7f9; --link: #0b5cad; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e4e6ea; --soft: #a2a9b4; --line: #3a3f47; --page: #16181c; --panel: #1f2227; --link: #7db7f5; } }
* { box-sizing: border-box; }
body { margin: 0; color: var(--text); background: var(--page); font: 16px/1.55 system-ui, sans-serif; }
a { color: var(--link); }
nav { background: var(--panel); padding: 1rem; font-size: 0.9rem; max-height: 35vh; overflow-y: auto; }
nav ol { margin: 0.5rem 0 0; padding-left: 1.4rem; }
nav a { text-decoration: none; }
main { padding: 1rem; max-width: 62rem; }
h1 { font-size: 1.7rem; line-height: 1.2; }
h2 { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--line); line-height: 1.25; }
img { display: block; max-width: 100%; height: auto; background: #fff; border-radius: 6px; padding: 0.5rem; }
p:has(> img) + p { color: var(--soft); margin-top: 0.3rem; }
.table { overflow-x: auto; margin: 0.8rem 0; }
table { border-collapse: collapse; font-size: 0.88rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.25rem 0.7rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:not([style]), td:not([style]) { text-align: left; }
th { color: var(--soft); font-weight: 600; }
pre { background: var(--panel); padding: 0.8rem; border-radius: 6px; overflow-x: auto; font-size: 0.82rem; line-height: 1.45; }
summary { cursor: pointer; color: var(--link); }
@media (min-width: 75rem) {
  body { display: grid; grid-template-columns: 18rem 1fr; }
  nav { position: sticky; top: 0; height: 100vh; max-height: none; border-right: 1px solid var(--line); }
  main { padding: 1rem 3rem 4rem; } }
@media print { nav { display: none; } img, table { break-inside: avoid; } }
"""


def write_html(report: Path) -> Path:
    """Write `report.html` beside `report.md`, with its figures and tables inside; return its path.

    Parameters
    ----------
    report : Path
        As `reproduce` and `estimate_report` return it, its figures and tables in the same folder.
    """
    text = report.read_text(encoding="utf-8")
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    # what `folded` wrote; all other angle brackets stay text, such as those of a file's name
    body = re.sub(
        r"<p>&lt;details&gt;&lt;summary&gt;(.*?)&lt;/summary&gt;</p>", r"<details><summary>\1</summary>", body
    )
    body = body.replace("<p>&lt;/details&gt;</p>", "</details>")
    body = body.replace("<table>", '<div class="table"><table>').replace("</table>", "</table></div>")
    folder = report.parent
    body = re.sub(r'<img src="([^"/]+\.svg)"', lambda m: f'<img src="{_data(folder / m[1], "image/svg+xml")}"', body)
    body = re.sub(
        r'<a href="([^"/]+\.csv)"',
        lambda m: f'<a download="{m[1]}" href="{_data(folder / m[1], "text/csv")}"',
        body,
    )
    titles = re.findall(r"<h2>(.*?)</h2>", body)
    for number, title in enumerate(titles):
        body = body.replace(f"<h2>{title}</h2>", f'<h2 id="s{number}">{title}</h2>', 1)
    contents = "".join(f'<li><a href="#s{number}">{title}</a></li>' for number, title in enumerate(titles))
    name = html.escape(text.partition("\n")[0].lstrip("# "))
    page = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{name}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<nav><strong>{name}</strong><ol>{contents}</ol></nav>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
    target = report.with_suffix(".html")
    part = target.with_suffix(".html.part")
    part.write_text(page, encoding="utf-8")
    part.replace(target)
    return target


def _data(file: Path, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(file.read_bytes()).decode('ascii')}"
