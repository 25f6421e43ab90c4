"""A chart holds all its data: it fetches nothing, links to nothing, and is never empty without a word."""

from __future__ import annotations

import datetime as dt
import http.server
import re
import threading

import altair as alt
import pytest

from onward.report import charts
from onward.report.saying import PLAIN


@pytest.fixture
def elsewhere():
    """A server of this machine that answers, and what it was asked for."""
    asked = []

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"a,b\n1,2\n3,4\n")

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join(5)


def line(data):
    return alt.Chart(data).mark_line().encode(x="a:Q", y="b:Q")


def svg(chart):
    return charts._drawn(chart, "Title", "Description", 12, PLAIN)


def test_a_chart_with_its_own_data_is_drawn_and_names_no_address():
    made = svg(
        line(alt.InlineData([{"a": 1, "b": 2, "url": "x"}, {"a": 3, "b": 4, "url": "y"}]))
    )
    assert "aria" not in made
    assert made.count("<path") > 1
    assert "href" not in made
    assert "http://" not in made.replace("http://www.w3.org", "")


@pytest.mark.parametrize(
    "kind", ["data", "data under a chart", "file", "beside", "picture", "link"]
)
def test_a_chart_that_asks_for_something_from_elsewhere_is_refused_and_fetches_nothing(
    kind, elsewhere, tmp_path
):
    address, asked = elsewhere
    here = tmp_path / "x.csv"
    here.write_text("a,b\n1,2\n", "utf-8")
    csv = {"type": "csv"}
    rows = alt.InlineData([{"a": 1, "b": 2, "u": f"{address}/i.png"}])
    chart = {
        "data": line(alt.UrlData(f"{address}/x.csv", format=csv)),
        "data under a chart": line(rows) + line(alt.UrlData(f"{address}/x.csv", format=csv)),
        "file": line(alt.UrlData(here.as_uri(), format=csv)),
        "beside": line(alt.UrlData("data/x.csv", format=csv)),
        "picture": alt.Chart(rows).mark_image().encode(x="a:Q", url="u:N"),
        "link": alt.Chart(rows).mark_point().encode(x="a:Q", href="u:N"),
    }[kind]
    with pytest.raises(ValueError, match="from elsewhere"):
        svg(chart)
    assert asked == []


def test_dates_in_a_fan_stand_on_white_so_that_no_line_of_the_scale_strikes_them_through():
    days = [dt.date(2026, 10, 31) + dt.timedelta(days=30 * n) for n in range(1, 5)]
    bands = {
        name: [4100.0] * 4 for name in ("q025", "q10", "q25", "median", "q75", "q90", "q975")
    }
    seen = [(dt.date(2026, 8, 31), 4300.0), (dt.date(2026, 10, 31), 4200.0)]
    made = charts.fan(
        days,
        bands,
        seen,
        days[-1],
        deadline_label="28 February 2027",
        title="T",
        description="D",
    )
    for label in ("28 February 2027", "31 Oct 2026"):
        behind, before = re.findall(rf"<text[^>]*>{label}</text>", made)
        assert 'stroke="white"' in behind
        assert "stroke" not in before
