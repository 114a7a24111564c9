"""Findings as HTML, as the app shows and prints them, and as the picture that the node sends. Needs no gradio.

Whatever comes out of a file goes through `text`. An answer that is declined has another frame than a finding.
"""
from __future__ import annotations

import base64
import datetime
import html
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from assistant import reader

LONGEST, MAP = 640, 128  # pixels of the longer side of the picture, and of the map, which is smooth
DEVICE = "Teaching material, not a medical device: decide nothing about a patient by it."
PRELIMINARY = "AI, preliminary, not a medical device"
WARM = np.array([255.0, 120.0, 0.0])  # the colour of the map in `picture`
TEMPLATE = Path(__file__).with_name("report.html").read_text(encoding="utf-8")
STYLE = TEMPLATE.partition("<style>")[2].partition("</style>")[0]


def text(value: object) -> str:
    """A value as text in HTML: tags are shown, not obeyed, and what cannot be printed is a question mark."""
    return html.escape("".join(letter if letter.isprintable() else "?" for letter in str(value)))


def page_of(findings: Sequence[tuple[str, reader.Finding]], who: str, left: int = 0, note: str = "") -> str:
    """The findings of files, by name, as HTML; `who` reads, a note is added. `left` files were not read: too many."""
    now = datetime.datetime.now().astimezone().strftime("%d %B %Y, %H:%M:%S %Z")
    parts = [f"<h2>{'Finding' if len(findings) == 1 else f'{len(findings)} findings'}</h2>",
             f'<p class="device">{text(DEVICE)}</p><p>{text(who)}</p>']  # fmt: skip
    if note:
        parts.append(f"<p>{text(note)}</p>")
    if left:
        parts.append(f"<p><strong>Too many at once: {left} more were not read. Give them again.</strong></p>")
    if len(findings) > 1:
        rows = (f"<tr><td>{text(name)}</td><td>{text(headline(found))}</td></tr>" for name, found in findings)
        parts.append(f"<table><tr><th>File</th><th>In short</th></tr>{''.join(rows)}</table>")
    parts += [article(name, found) for name, found in findings]
    return f'<div class="report">{"".join(parts)}<p class="small">{text(now)}</p></div>'


def refusal(sentence: str) -> str:
    """Where there is nobody who could read."""
    return ('<div class="report"><article class="declined"><p class="state">No reader</p>'
            f"<p>{text(sentence)}</p></article></div>")  # fmt: skip


def headline(found: reader.Finding) -> str:
    """The finding in one sentence, with how sure it is."""
    if found.declined:
        return "Declined, not read."
    top = int(np.argmax(found.probabilities))
    most = f"{found.classes[top]} is the likeliest class, at {reader.percent(found.probabilities[top])}"
    if not found.plausible:
        return f"{most}, but it is an unusual image even for that: take it as not answered."
    if len(found.plausible) == len(found.classes):
        return f"Undecided: {most}, and no class can be ruled out."
    if len(found.plausible) == 1:
        return f"{most}, and the only one in the 90 % set."
    return f"{most}; {', '.join(found.plausible)} are all in the 90 % set."


def article(name: str, found: reader.Finding) -> str:
    """One finding, framed as what it is: found, open (no class or all are plausible), or declined, without any map."""
    lines = [text(line) for line in str(found).split("\n")]
    lines = [line for line in lines if line != text("Teaching material, not a medical device.")]
    if found.declined:
        kind, state = "declined", "⊘ DECLINED: nobody has read this image"
        said = f'<p class="headline">{lines[0].removeprefix("DECLINED. ")}</p>'
    else:
        kind, state = "found", "Finding"
        if len(found.plausible) in (0, len(found.classes)):
            kind, state = "open", "No answer: read, and undecided" if found.plausible else "No answer: an unusual image"
        said = f'<p class="headline">{text(headline(found))}</p>'
        for k in np.argsort(-found.probabilities, kind="stable"):
            share = found.probabilities[k]
            said += (f'<div class="bar"><span>{text(found.classes[k])}</span><span><i style="width:{share:.0%}"></i>'
                     f"</span><b>{text(reader.percent(share))}</b></div>")  # fmt: skip
        inside = np.isin(found.classes, found.plausible)
        if inside.any() and not inside.all() and found.probabilities[inside].min() < found.probabilities[~inside].max():
            said += ("<p>Each class has a threshold of its own for the set: a rare one may be in it, and one that is "
                     "likelier not (lesson 4.2).</p>")  # fmt: skip
    said += "".join(f"<p>{line}</p>" for line in lines[1:])
    facts = {key: value for key, value in found.facts.items() if key != "identity" and value not in ("", None)}
    facts |= {key: found.versions[key] for key in ("course", "torch", "code")}
    listed = "".join(f"<dt>{text(key)}</dt><dd>{text(value)}</dd>" for key, value in facts.items())
    said += f"<dl>{listed}</dl>"
    return (f'<article class="{kind}"><p class="state">{state}</p><h3>{text(name)}</h3>'
            f'<div class="side">{figure(name, found)}<div>{said}</div></div></article>')  # fmt: skip


def figure(name: str, found: reader.Finding) -> str:
    """The picture with its map and the slider of the map's opacity."""
    if found.image is None:
        return "<figure><figcaption>There is no picture to show.</figcaption></figure>"
    shown = f'<img src="{png(smaller(found.image, LONGEST))}" alt="The image in {text(name)}">'
    if found.overlay is None:
        return f'<figure><div class="shown">{shown}</div><figcaption>As opened, not read.</figcaption></figure>'
    strength = smaller(np.rint(255 * found.overlay).astype(np.uint8), MAP)
    colour = np.broadcast_to(np.array([0, 220, 255], np.uint8), (*strength.shape, 3))
    shown += f'<img class="map" src="{png(np.dstack([colour, strength]))}" alt="">'
    slide = "this.closest('figure').style.setProperty('--map', this.value / 100)"
    return (f'<figure><div class="shown">{shown}</div><label>Map <input type="range" min="0" max="100" value="40" '
            f'aria-label="Opacity of the map" oninput="{slide}"></label><figcaption>Blue: where the likeliest class is '
            "seen, not why.</figcaption></figure>")  # fmt: skip


def smaller(image: np.ndarray, longest: int) -> np.ndarray:
    """uint8 (rows, columns[, channels]) with at most so many pixels on the longer side."""
    picture = Image.fromarray(image)
    picture.thumbnail((longest, longest))
    return np.asarray(picture)


def png(image: np.ndarray) -> str:
    """uint8 (rows, columns[, 3 or 4]) as an address that holds the picture itself."""
    out = io.BytesIO()
    Image.fromarray(image).save(out, "PNG")
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"


def picture(finding: reader.Finding) -> np.ndarray:
    """uint8 (rows, columns, 3): the image with the map over it, and under it a strip that says what it is."""
    grey = np.asarray(Image.fromarray(finding.image).convert("RGB"), np.float64)
    share = 0.5 * finding.overlay[..., None]
    mixed = Image.fromarray(np.rint(grey * (1 - share) + WARM * share).astype(np.uint8))
    if mixed.width < 384:  # letters need room
        mixed = mixed.resize((384, round(mixed.height * 384 / mixed.width)), Image.Resampling.BILINEAR)
    order = np.argsort(-finding.probabilities)[:4]
    shares = (f"{finding.classes[k]} {reader.percent(finding.probabilities[k])}" for k in order)
    lines = [PRELIMINARY, "Where, not why. Read by nobody else.", *shares]
    font = ImageFont.load_default(size=max(mixed.width // 32, 12))
    high = round(1.4 * font.size)
    page = Image.new("RGB", (mixed.width, mixed.height + high * len(lines) + high // 2))
    page.paste(mixed)
    for k, line in enumerate(lines):
        ImageDraw.Draw(page).text((high // 3, mixed.height + k * high + high // 4), line, fill="white", font=font)
    return np.array(page)
