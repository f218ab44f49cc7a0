"""The accuracy report: figures as Markdown, error curves as SVG."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from enrolment.model.faces import EngineName
from enrolment.rules.faces import THRESHOLDS
from gateway.accuracy.rates import Judged, Scored, det

WIDE, HIGH = 480, 360
EDGE = 56
# Both axes are logarithmic, from a thousandth to one half.
LEAST, MOST = 0.001, 0.5
TICKS = (0.001, 0.01, 0.1, 0.5)
COLOURS = ("#0b6b4f", "#a3232b", "#8a5300", "#31528f")
Curve = Sequence[tuple[float, float]]
HEAD = """# Accuracy

Made by `make accuracy` on labelled pictures of the development set; `MODELS=FOLDER`
puts other networks beside the default (`lodge models add --folder FOLDER`), `make dlib`
the other engine. Intervals are Wilson's at 95 %; with a few hundred pairs a figure of
zero says less than it seems.
"""
NOT_MEASURED = """## What was not measured

- Screens, masks, sharp or bent prints, films played to the camera, pictures put in
  the camera's place: the set has soft prints alone. A still that is moved nearer and
  farther inside an injected film passes as motion; that movements are asked for by
  chance stands against it, and no still turns, looks up or shuts its eyes.
- Old documents, documents behind plastic, children, twins, brothers and sisters.
- Groups of people other than the two that the set names; those were told by name.
- Shut eyes: the set has one blink on film, told from its other 119 frames (0.24 of
  how far the eyes are open otherwise, against 0.74 and more) and from a print (0.94
  and more). How often shut eyes are missed is not known; on whom they are, he asks for
  another movement. Glasses that reflect, and eyes held narrow, were not measured.
- Something before a face: of 378 faces held straight one is taken for covered; of 77
  with a mask drawn over them nine in ten are, with a drawn hand two in three. Real
  masks were not there; sunglasses are hardly seen by it.
- A Raspberry Pi: times are of the machine that made this page.

A forged card with another's number, and a camera that is not one, are not stopped by
pictures alone: the evidence of each registration says how it was made, and a person
with the original in his hand decides in doubt.
"""


def write(
    folder: Path,
    pairs: Mapping[str, Any],
    scored: Sequence[Scored],
    attacks: Mapping[str, Any] | None,
    judged: Mapping[str, Sequence[Judged]],
    others: Sequence[Mapping[str, Any]] = (),
) -> list[Path]:
    """Write accuracy.md and its curves into a folder; return what was written.

    `others` are the same pairs' rates by other engines, put side by side.
    """
    folder.mkdir(parents=True, exist_ok=True)
    told = [folder / "accuracy.md", folder / "match.svg"]
    groups = sorted({each.group for each in scored})
    curves = {"all": _match_curve(scored)} | {
        group: _match_curve([each for each in scored if each.group == group])
        for group in groups
    }
    told[1].write_text(svg(curves, "false match", "false non-match"), encoding="utf-8")
    if attacks is not None:
        told.append(folder / "attack.svg")
        living = {name: _attack_curve(each) for name, each in judged.items()}
        picture = svg(living, "attacks passed", "people refused")
        told[2].write_text(picture, encoding="utf-8")
    lines = [
        HEAD,
        *_match_lines(pairs),
        *_engine_lines([pairs, *others]),
        *_attack_lines(attacks),
        NOT_MEASURED,
    ]
    told[0].write_text("\n".join(lines) + "\n", encoding="utf-8")
    return told


def svg(curves: Mapping[str, Curve], across: str, up: str) -> str:
    """Draw error curves (DET) on logarithmic axes; each point is (across, up)."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {HIGH}" '
        f'role="img" aria-label="{up} against {across}" font-family="sans-serif" '
        'font-size="12">'
    )
    ground = f'<rect width="{WIDE}" height="{HIGH}" fill="#fff"/>'
    parts = [head, ground, *_axes(across, up)]
    for number, (name, curve) in enumerate(curves.items()):
        colour = COLOURS[number % len(COLOURS)]
        line = " ".join(f"{_x(a):.1f},{_y(b):.1f}" for a, b in curve)
        parts.append(
            f'<polyline points="{line}" fill="none" stroke="{colour}" '
            f'stroke-width="2" stroke-dasharray="{("", "6 3", "2 3")[number % 3]}"/>'
        )
        at = EDGE + 16 * number
        parts.append(
            f'<text x="{WIDE - EDGE}" y="{at}" text-anchor="end" fill="{colour}">'
            f"{name}</text>"
        )
    return "\n".join([*parts, "</svg>"]) + "\n"


def _axes(across: str, up: str) -> Iterator[str]:
    for tick in TICKS:
        yield (
            f'<line x1="{_x(tick):.1f}" y1="{_y(LEAST)}" x2="{_x(tick):.1f}" '
            f'y2="{_y(MOST)}" stroke="#d3d9d2"/>'
        )
        yield (
            f'<line x1="{_x(LEAST)}" y1="{_y(tick):.1f}" x2="{_x(MOST)}" '
            f'y2="{_y(tick):.1f}" stroke="#d3d9d2"/>'
        )
        share = f"{100 * tick:g} %"
        yield f'<text x="{_x(tick):.1f}" y="{HIGH - EDGE + 18}">{share}</text>'
        yield f'<text x="8" y="{_y(tick) + 4:.1f}">{share}</text>'
    yield f'<text x="{WIDE // 2}" y="{HIGH - 12}" text-anchor="middle">{across}</text>'
    yield f'<text x="{EDGE}" y="20">{up}</text>'


def _x(share: float) -> float:
    return EDGE + _place(share) * (WIDE - 2 * EDGE)


def _y(share: float) -> float:
    return HIGH - EDGE - _place(share) * (HIGH - 2 * EDGE)


def _place(share: float) -> float:
    held = min(MOST, max(LEAST, share))
    return math.log(held / LEAST) / math.log(MOST / LEAST)


def _match_curve(scored: Sequence[Scored]) -> Curve:
    good = [-1.0 if s.similarity is None else s.similarity for s in scored if s.same]
    bad = [-1.0 if s.similarity is None else s.similarity for s in scored if not s.same]
    return [(false, missed) for _, false, missed in det(good, bad)]


def _attack_curve(judged: Sequence[Judged]) -> Curve:
    good = [-1.0 if j.score is None else j.score for j in judged if j.live]
    bad = [-1.0 if j.score is None else j.score for j in judged if not j.live]
    return [(false, missed) for _, false, missed in det(good, bad)]


def _match_lines(told: Mapping[str, Any]) -> Iterator[str]:
    yield "## Matching\n"
    yield (
        f"{told['pairs']} pairs, {told['unusable']} unusable (counted as no match), "
        f"threshold {told['threshold']}.\n"
    )
    yield "| group | false match | 95 % | false non-match | 95 % | EER |"
    yield "|---|---|---|---|---|---|"
    for name, each in [("all", told), *told["groups"].items()]:
        yield (
            f"| {name} | {_share(each['fmr'])} | {_between(each['fmr_95'])} | "
            f"{_share(each['fnmr'])} | {_between(each['fnmr_95'])} | "
            f"{_share(each['eer'])} |"
        )
    spent = ", ".join(f"{name} {ms} ms" for name, ms in told["ms"].items())
    yield f"\nMedian of both sides together: {spent}.\n"
    yield "![Error curve of matching](match.svg)\n"


def _engine_lines(engines: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if len(engines) == 1:
        return
    yield "## Engines side by side\n"
    yield "| engine | group | threshold | false match | false non-match | EER | embed |"
    yield "|---|---|---|---|---|---|---|"
    for told in engines:
        for name, each in [("all", told), *told["groups"].items()]:
            yield (
                f"| {told['engine']} | {name} | {told['threshold']} | "
                f"{_share(each['fmr'])} | {_share(each['fnmr'])} | "
                f"{_share(each['eer'])} | {told['ms'].get('embed', '-')} ms |"
            )
    for told in engines:
        measured = THRESHOLDS[EngineName(told["engine"])].measured
        yield f"\n{told['engine']}, on 1,800 LFW pairs: {measured}."
    yield ""


def _attack_lines(told: Mapping[str, Any] | None) -> Iterator[str]:
    if told is None:
        return
    yield "## Liveness, one frame at a time\n"
    yield (
        f"{told['frames']} frames, {told['unusable']} without one face (refused). "
        "The product asks many frames and more than a network (docs/security.md).\n"
    )
    yield "| network | attacks passed (APCER) | 95 % | people refused (BPCER) | 95 % |"
    yield "|---|---|---|---|---|"
    for name, each in [("all together", told), *told["networks"].items()]:
        yield (
            f"| {name} | {_share(each['apcer'])} | {_between(each['apcer_95'])} | "
            f"{_share(each['bpcer'])} | {_between(each['bpcer_95'])} |"
        )
    yield "\n| kind of attack | APCER | 95 % |\n|---|---|---|"
    for name, each in told["kinds"].items():
        yield f"| {name} | {_share(each['apcer'])} | {_between(each['apcer_95'])} |"
    spent = ", ".join(f"{name} {ms} ms" for name, ms in told["ms"].items())
    yield f"\nMedian of one face, after it was found: {spent}."
    yield "\n| person | APCER | BPCER |\n|---|---|---|"
    for name, each in told["subjects"].items():
        yield f"| {name} | {_share(each['apcer'])} | {_share(each['bpcer'])} |"
    yield "\n![Error curve of liveness](attack.svg)\n"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.2f} %"


def _between(told: Sequence[float] | None) -> str:
    return "-" if told is None else f"{100 * told[0]:.2f} to {100 * told[1]:.2f} %"
