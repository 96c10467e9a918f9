#!/usr/bin/env python3
"""Draws what a terminal shows as an SVG picture: text on standard input, the command that was typed
as the only argument. Every character keeps its column; Chinese characters take two."""

import sys
import unicodedata
from html import escape

COLUMN, LINE, MARGIN, SIZE = 7.9, 19, 16, 13
WIDEST = 100
COLOURS = {"✓": "#3fb950", "✗": "#f85149"}


def width(text):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def folded(line):
    """Rows of at most WIDEST columns; what goes on is indented below its sentence."""
    first, *words = line.lstrip(" ").split(" ")
    indent = len(line) - len(line.lstrip(" "))
    rows = [" " * indent + first]
    for word in words:
        if width(rows[-1]) + 1 + width(word) > WIDEST:
            rows.append(" " * (indent + 2) + word)
        else:
            rows[-1] += " " + word
    return rows


def drawn(line, y):
    """Runs of one width, each at its own column, so that no font can shift them."""
    runs, column = [], width(line) - width(line.lstrip(" "))
    for character in line.lstrip(" "):
        kind = (width(character), COLOURS.get(character, "#e6edf3"))
        if runs and runs[-1][0] == kind:
            runs[-1][2] += character
        else:
            runs.append([kind, column, character])
        column += kind[0]
    for (_, colour), start, text in runs:
        x, length = MARGIN + start * COLUMN, width(text) * COLUMN
        yield (f'<text x="{x:.1f}" y="{y}" fill="{colour}" textLength="{length:.1f}" '
               f'lengthAdjust="spacingAndGlyphs">{escape(text)}</text>')


def main():
    lines = [f"$ {sys.argv[1]}"]
    for line in sys.stdin.read().splitlines():
        lines += folded(line)
    high = 2 * MARGIN + LINE * len(lines)
    wide = 2 * MARGIN + WIDEST * COLUMN
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:.0f} {high}" width="{wide:.0f}" '
          f'font-family="\'DejaVu Sans Mono\', Menlo, Consolas, \'Noto Sans Mono CJK SC\', monospace" '
          f'font-size="{SIZE}" xml:space="preserve">')
    print('<rect width="100%" height="100%" rx="8" fill="#0d1117"/>')
    for number, line in enumerate(lines):
        for text in drawn(line, MARGIN + LINE * (number + 1) - 5):
            print(text)
    print("</svg>")


main()
