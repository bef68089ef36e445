"""The page, in a real browser: what a person sees, finds and opens.

Chromium is a process of its own, since only a browser knows whether a page works.
"""

from __future__ import annotations

import base64
import gzip
import json
import shutil
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from recordings import recording, request, root, span, span_id, write
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

from autoinstrument.commands.main import main
from autoinstrument.report.gathering import report
from autoinstrument.report.html import page
from autoinstrument.report.traces import packed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selenium.webdriver.chrome.webdriver import WebDriver

pytestmark = pytest.mark.once

HOSTILE = "</script><img src=x onerror=alert(1)>\x1b[31m\u202e"
FAILED = f"{0xBAD:032x}"


@pytest.fixture(scope="module")
def browser() -> Iterator[WebDriver]:
    """Give a headless Chromium that keeps what its console says."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("no Chromium with its driver: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for option in "--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1200,1600":
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    started = webdriver.Chrome(options=options, service=Service(driver))
    yield started
    started.quit()


@pytest.fixture
def pipeline(tmp_path: Path) -> str:
    """Return a recording of a pipeline of two services, one write of which has failed."""
    lines = []
    for number in range(300):
        first, work = span_id(), span_id()
        failed = number == 7
        trace = 0xBAD if failed else number + 0x1000
        at = number * 20.0
        lines.append(
            request(
                [
                    root("app.handle", trace=trace, at=at, ms=5, identifier=first),
                    write("orders", trace=trace, at=at, ms=5, parent=first, offset=number),
                ],
                service="shop",
            )
        )
        lines.append(
            request(
                [
                    span(
                        "process orders",
                        trace=trace,
                        at=at + 6,
                        ms=9,
                        parent=first,
                        identifier=work,
                        messaging__system="kafka",
                        messaging__operation__type="process",
                        messaging__destination__name="orders",
                    ),
                    write(
                        "invoices",
                        trace=trace,
                        at=at + 7,
                        ms=8,
                        parent=work,
                        offset=number,
                        partition=number % 3,
                        error="Broker: Message size too large" if failed else None,
                        error_type="MESSAGE_TOO_LARGE" if failed else None,
                    ),
                ],
                service="billing",
            )
        )
    return recording(tmp_path / "pipeline.jsonl", lines)


def _opened(browser: WebDriver, recorded: str) -> WebDriver:
    file = f"{recorded}.html"
    assert main(["report", recorded, "--html", file]) == 0
    browser.get(f"file://{file}")
    WebDriverWait(browser, 10).until(lambda _: _text(browser, "#count"))
    return browser


def _text(browser: WebDriver, selector: str) -> str:
    return browser.find_element(By.CSS_SELECTOR, selector).text


def _shown(browser: WebDriver) -> list[str]:
    return [each.text for each in browser.find_elements(By.CSS_SELECTOR, "#traces li")]


def test_the_page_shows_what_the_report_knows(browser: WebDriver, pipeline: str) -> None:
    """Totals, findings, plots, partitions, the pipeline; and the console has nothing to say."""
    opened = _opened(browser, pipeline)
    assert "599 messages written, 1 failed" in _text(opened, "h1")
    finding = _text(opened, ".finding[data-slug='failures-by-cause']")
    assert "1 write to invoices failed: MESSAGE_TOO_LARGE." in finding
    assert len(opened.find_elements(By.CSS_SELECTOR, ".plots svg")) == 2
    assert "partition 2" in opened.find_element(By.TAG_NAME, "table").text
    graph = _text(opened, ".graph")
    assert "300, 50" in graph
    assert {"orders", "invoices"} <= set(graph.split())
    assert _text(opened, "#count") == "300 found, first 200 shown"
    assert opened.get_log("browser") == []


def test_a_search_filters_and_a_click_opens_a_waterfall(browser: WebDriver, pipeline: str) -> None:
    """By id, topic and error; the spans stand below their parents, with what became of them."""
    opened = _opened(browser, pipeline)
    search = opened.find_element(By.ID, "search")
    for words in FAILED, "message_too_large", "invoices MESSAGE_TOO":
        search.clear()
        search.send_keys(words)
        assert len(_shown(opened)) == 1
    opened.find_element(By.CSS_SELECTOR, "#traces li").click()
    rows = [row.text for row in opened.find_elements(By.CSS_SELECTOR, "#waterfall .row")]
    assert [row.splitlines()[0] for row in rows] == [
        "app.handle",
        "WriteKafka orders",
        "process orders",
        "WriteKafka invoices",
    ]
    assert "MESSAGE_TOO_LARGE: Broker: Message size too large" in rows[-1]
    assert "billing" in rows[-1]
    search.clear()
    search.send_keys("nothing is named so")
    assert _text(opened, "#count") == "0 found"
    assert opened.get_log("browser") == []


def test_the_slowest_traces_come_first_where_they_are_asked_for(
    browser: WebDriver, pipeline: str
) -> None:
    """What is opened has an address of its own, which opens it again."""
    opened = _opened(browser, pipeline)
    order = opened.find_element(By.ID, "order")
    order.find_element(By.CSS_SELECTOR, "[value=end]").click()
    opened.find_element(By.ID, "only-failed").click()
    assert [shown.splitlines()[-1] for shown in _shown(opened)] == [
        "orders, invoices MESSAGE_TOO_LARGE"
    ]
    opened.find_element(By.ID, "only-failed").click()
    took = [float(shown.splitlines()[2].partition(" ")[0]) for shown in _shown(opened)]
    assert took == sorted(took, reverse=True)
    opened.find_element(By.CSS_SELECTOR, "#traces li").click()
    shown = _text(opened, "#waterfall")
    opened.refresh()
    WebDriverWait(opened, 10).until(lambda _: _text(opened, "#waterfall") == shown)


def test_a_narrow_screen_scrolls_only_what_is_wide(browser: WebDriver, pipeline: str) -> None:
    """On a telephone no text is off the page, and a plot stays legible."""
    metrics = {"width": 400, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        opened = _opened(browser, pipeline)
        opened.find_element(By.CSS_SELECTOR, "#traces li").click()
        assert opened.execute_script("return document.documentElement.scrollWidth") <= 400
        height = "text => text.getBoundingClientRect().height"
        texts = f"return [...document.querySelectorAll('svg text')].map({height})"
        assert min(opened.execute_script(texts)) > 9
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_evidence_and_keyboard_lead_to_traces(browser: WebDriver, pipeline: str) -> None:
    """A finding's trace opens by a click; everything else goes without a mouse."""
    opened = _opened(browser, pipeline)
    opened.find_element(By.CSS_SELECTOR, f".finding [data-trace='{FAILED}']").click()
    assert FAILED in _text(opened, "#waterfall")
    keyboard = webdriver.ActionChains(opened)
    keyboard.send_keys(Keys.ESCAPE, Keys.ARROW_DOWN, Keys.ARROW_DOWN).perform()
    chosen = opened.find_elements(By.CSS_SELECTOR, "#traces li[aria-selected=true]")
    assert [each.get_attribute("id") for each in chosen] == ["trace-1"]
    webdriver.ActionChains(opened).send_keys("/", "bad", Keys.ENTER).perform()
    assert _shown(opened)[0].startswith("16:10:02")
    assert FAILED in _text(opened, "#waterfall")


def test_names_cannot_become_part_of_the_page(browser: WebDriver, tmp_path: Path) -> None:
    """Whatever the application calls its things, it is text."""
    parent = span_id()
    spans = [
        root(HOSTILE, trace=1, identifier=parent),
        write(HOSTILE, trace=1, parent=parent, error=HOSTILE, error_type=HOSTILE),
        write("x" * 10_000, trace=2),
    ]
    hostile = recording(tmp_path / "hostile.jsonl", [request(spans, service=HOSTILE)])
    opened = _opened(browser, hostile)
    opened.find_element(By.CSS_SELECTOR, ".finding [data-trace]").click()
    assert "<img src=x onerror=alert(1)>" in _text(opened, "#waterfall")
    assert "\u202e" not in opened.find_element(By.TAG_NAME, "body").text
    wide = "const page = document.documentElement; return [page.scrollWidth, page.clientWidth]"
    assert len(set(opened.execute_script(wide))) == 1
    assert opened.find_elements(By.TAG_NAME, "img") == []
    assert opened.get_log("browser") == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_readable_in_light_and_dark(
    browser: WebDriver, pipeline: str, scheme: str
) -> None:
    """The ink stands out from the page, also in the plots, which take their colours from it."""
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    opened = _opened(browser, pipeline)
    colours = opened.execute_script(
        "const of = name => getComputedStyle(document.querySelector(name));"
        "const texts = [...document.querySelectorAll('svg text')];"
        "const fills = texts.map(text => getComputedStyle(text).fill);"
        "return [of('body').backgroundColor, of('body').color, ...fills];"
    )
    page_, ink, *of_plots = (_lightness(colour) for colour in colours)
    assert (page_ > ink) is (scheme == "light")
    assert len(of_plots) > 10
    assert all(abs(page_ - each) > 150 for each in (ink, *of_plots))


def _lightness(colour: str) -> float:
    numbers = colour.partition("(")[2].rstrip(")").split(",")[:3]
    return sum(float(number) for number in numbers) / 3


def test_ten_thousand_traces_are_a_page_of_a_megabyte(tmp_path: Path) -> None:
    """What a page holds is bounded; what is named in it is always there."""
    lines = []
    for number in range(12_000):
        parent = span_id()
        spans = [
            root(
                "app.handle", trace=number + 1, at=number * 3.7, ms=number % 97, identifier=parent
            ),
            write(
                f"topic{number % 7}",
                trace=number + 1,
                at=number * 3.7,
                ms=number % 97,
                parent=parent,
                partition=number % 12,
                offset=number,
            ),
        ]
        lines.append(request(spans))
    found = report(recording(tmp_path / "many.jsonl", lines))
    text = page(found)
    assert len(text.encode()) < 1_000_000
    assert "10,000 traces from the recording" in text


def test_traces_of_a_long_recording_are_from_all_of_it(tmp_path: Path) -> None:
    """Those of its beginning have no better chance, and each that is there has all of its spans."""
    lines = [
        request([write(trace=number + 1, at=number) for number in range(at, at + 100)])
        for at in range(0, 30_000, 100)
    ]
    # Each trace's second span stands in another line than its first.
    lines += [
        request([root("late", trace=number + 1, at=number) for number in range(at, at + 100)])
        for at in range(0, 30_000, 100)
    ]
    found = report(recording(tmp_path / "long.jsonl", lines))
    text, shown, is_whole = packed(found, 10_000_000)
    traces = json.loads(gzip.decompress(base64.b64decode(text)))["traces"]
    assert (shown, len(traces), is_whole) == (10_000, 10_000, False)
    assert {len(spans) for _, _, spans in traces} == {2}
    in_thirds = Counter(after // 10_000_000 for _, after, _ in traces)
    assert min(in_thirds[third] for third in range(3)) > 3_000


def test_large_traces_are_fewer(tmp_path: Path) -> None:
    """However many spans a trace has, those in memory are bounded, and no trace is torn."""
    lines = [
        request([write(trace=trace + 1, at=at) for at in range(150)]) for trace in range(1_000)
    ]
    found = report(recording(tmp_path / "large.jsonl", lines))
    text, shown, is_whole = packed(found, 10_000_000)
    traces = json.loads(gzip.decompress(base64.b64decode(text)))["traces"]
    assert {len(spans) for _, _, spans in traces} == {150}
    assert 500 < shown <= 100_000 // 150
    assert not is_whole


def test_a_crowd_of_topics_is_a_page_of_a_megabyte(tmp_path: Path) -> None:
    """What is not on the page is told."""
    lines = [
        request(
            [
                write(f"topic-{number}" * 5, trace=number * 100 + at, partition=at, offset=0)
                for at in range(100)
            ]
        )
        for number in range(150)
    ]
    text = page(report(recording(tmp_path / "crowd.jsonl", lines)))
    assert len(text.encode()) < 1_000_000
    assert text.count("and 50 more") == 1
    assert text.count("and 76 more") == 100


def test_an_empty_recording_and_a_place_that_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A page of what is there; a sentence where there can be none."""
    empty = recording(tmp_path / "empty.jsonl", ['{"resourceMetrics":[]}\n'])
    assert main(["report", empty, "--html", str(tmp_path / "page.html")]) == 0
    assert "No messages were written" in (tmp_path / "page.html").read_text()
    assert main(["report", empty, "--html", str(tmp_path / "no" / "page.html")]) == 1
    assert "page.html` cannot be written: No such file" in capsys.readouterr().err
