"""The drawing: one page, complete, readable on paper."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from onward.rulebook import load, loads, shipped_names, shipped_path
from onward.rulebook.draw import HEIGHT, WIDTH, pathways_svg, text_width

SVG = "{http://www.w3.org/2000/svg}"
DRAWN = {name: pathways_svg(load(shipped_path(name))) for name in shipped_names()}


def texts(name):
    return list(ElementTree.fromstring(DRAWN[name]).iter(f"{SVG}text"))


@pytest.mark.parametrize("name", shipped_names())
def test_every_step_state_and_safeguard_is_on_the_page(name):
    rulebook = load(shipped_path(name))
    words = " ".join(e.text or "" for e in texts(name))
    for step in rulebook.transitions:
        assert re.search(rf"\b{step}\b", words), step
    for safeguard in rulebook.safeguards.values():
        assert safeguard.title in words, safeguard.title
    bold = " ".join(e.text or "" for e in texts(name) if e.get("font-weight") == "bold")
    for axis in rulebook.axes.values():
        for state in axis.states.values():
            for word in state.title.split():
                assert word in bold, state.title


@pytest.mark.parametrize("name", shipped_names())
def test_text_is_at_least_eight_points_on_a3_and_stays_on_the_page(name):
    root = ElementTree.fromstring(DRAWN[name])
    assert (root.get("width"), root.get("height")) == ("420mm", "297mm")
    assert root.get("viewBox") == f"0 0 {WIDTH} {HEIGHT}"  # so one unit is one point
    for element in texts(name):
        size, x, y = (float(element.get(k)) for k in ("font-size", "x", "y"))
        assert size >= 8
        wide = text_width(element.text or "", size, element.get("font-weight") == "bold")
        left = {"start": x, "middle": x - wide / 2, "end": x - wide}[element.get("text-anchor")]
        assert left >= 0
        assert left + wide <= WIDTH, element.text
        assert 0 < y < HEIGHT, element.text


@pytest.mark.parametrize("name", shipped_names())
def test_no_two_texts_lie_on_each_other(name):
    boxes = []
    for element in texts(name):
        size, x, y = (float(element.get(k)) for k in ("font-size", "x", "y"))
        wide = text_width(element.text or "", size, element.get("font-weight") == "bold") * 0.9
        left = {"start": x, "middle": x - wide / 2, "end": x - wide}[element.get("text-anchor")]
        boxes.append((left, y - size * 0.7, left + wide, y, element.text))
    for i, a in enumerate(boxes):
        for b in boxes[i + 1 :]:
            apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
            assert apart, (a[4], b[4])


@pytest.mark.parametrize("name", shipped_names())
def test_it_can_be_read_in_greyscale_by_a_screen_reader_and_without_a_network(name):
    root = ElementTree.fromstring(DRAWN[name])
    colours = re.findall(r"#([0-9a-f]{6})", DRAWN[name])
    assert colours
    assert all(c[:2] == c[2:4] == c[4:] for c in colours)
    assert root.get("role") == "img"
    assert root.find(f"{SVG}title").text
    assert "Return home" in root.find(f"{SVG}desc").text
    addresses = re.findall(r"https?://[^\"' ]+", DRAWN[name])
    assert set(addresses) == {"http://www.w3.org/2000/svg"}


def test_hand_over_is_drawn_last():
    heads = [e.text for e in texts("protected-camp") if e.get("font-size") == "10"]
    assert heads[-1] == "Hand-over"


def test_a_title_cannot_break_the_drawing():
    text = shipped_path("protected-camp").read_text()
    odd = loads(text.replace("title: Chose return}", 'title: "<Chose> & \\"return\\""}', 1))
    assert "<Chose>" in "".join(
        e.text or "" for e in ElementTree.fromstring(pathways_svg(odd)).iter(f"{SVG}text")
    )
