"""The page: one file that needs nothing and does no harm, as a browser sees it."""

import re
import shutil
import stat
from base64 import b64encode
from collections.abc import Iterator
from datetime import date, timedelta
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from jobledger.pipelines.query import asked
from jobledger.pipelines.report.charts import trend
from jobledger.pipelines.report.details import Outcomes
from tests.pipelines.report.conftest import Run, Scene
from tests.pipelines.report.story import HOSTILE, tell, tell_hostile
from tests.sql.worlds import ago

CHROMIUM = shutil.which("chromium")


class Reader(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def _written(scene: Scene, run: Run, folder: Path, *words: str) -> Path:
    path = folder / "report.html"
    done = run(scene, "report", "-o", str(path), *words)
    assert (done.code, done.out) == (0, "")
    return path


def _published(scene: Scene, run: Run, folder: Path, *words: str) -> Path:
    scene.publish()
    return _written(scene, run, folder, *words)


def test_it_is_one_file_that_loads_nothing(told: Scene, run: Run, tmp_path: Path) -> None:
    path = _written(told, run, tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text("utf-8")
    page = Reader(text)
    assert "http:" not in text
    assert "https:" not in text
    assert "url(" not in text
    assert "@import" not in text
    assert {tag for tag, _ in page.tags} & {"link", "img", "iframe", "object", "base"} == set()
    (policy,) = (
        attributes["content"] or ""
        for tag, attributes in page.tags
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    for tag in ("script", "style"):
        (content,) = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        hashed = b64encode(sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{hashed}'" in policy
    assert policy.startswith("default-src 'none';")


def test_no_line_ends_between_a_number_and_its_percent_sign(
    told: Scene, run: Run, tmp_path: Path
) -> None:
    page = Reader(_written(told, run, tmp_path).read_text("utf-8"))
    reasons = [text for text in page.texts if re.search(r"jobs failed in 7 days \(", text)]
    assert reasons
    assert [text for text in reasons if not re.search(r"\(\d+\.\d\u00a0%\)", text)] == []


def test_whatever_jobs_are_called_is_text(scene: Scene, run: Run, tmp_path: Path) -> None:
    tell_hostile(scene.world)
    scene.world.run(source=f"zuora{HOSTILE}", kind=f"k'\">{HOSTILE}")
    page = Reader(_published(scene, run, tmp_path).read_text("utf-8"))
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    assert not any(tag in {"img", "b"} and "src" in attributes for tag, attributes in page.tags)
    named = {name for _, attributes in page.tags for name in attributes}
    assert not {name for name in named if name.startswith("on") or name == "style"}
    said = "".join(page.texts)
    for value in (
        f"{HOSTILE}'\"&",
        f'"><img src=x onerror=alert(1)>{HOSTILE}',
        rf"\u202e{HOSTILE}</td>\x1b]0;owned\x07",
        r"\x1b[2J\x07</title></style></svg>" + HOSTILE,
        f"k'\">{HOSTILE}",
    ):
        assert value in said
    assert "\u202e" not in said


def test_a_page_that_cannot_be_written_leaves_what_was_there(
    scene: Scene, run: Run, tmp_path: Path
) -> None:
    path = _published(scene, run, tmp_path)
    before = path.read_bytes()
    scene.project.warehouse.unlink()
    assert run(scene, "report", "-o", str(path)).code == 1
    assert path.read_bytes() == before
    assert run(scene, "report", "--days", "0").code == 2


def test_what_is_left_out_is_said(scene: Scene, run: Run, tmp_path: Path) -> None:
    for number, word in enumerate(f"{a}{b}" for a in "abcdefg" for b in "abcdefg"):
        scene.world.job(
            f"j-{number:02}",
            object=f"Object{number}",
            status="failed",
            error_message=f"no {word} here",
            finished_at=ago(hours=1 + number),
            run_seconds=1.0,
        )
    scene.world.run()
    page = "".join(Reader(_published(scene, run, tmp_path).read_text("utf-8")).texts)
    assert "and 37 more: jobledger query failure_reasons, which counts over all time" in page
    assert "and 9 more: jobledger query job_durations" in page
    assert (
        "and 43 more: 'jobledger query failure_reasons' (over all time)" in run(scene, "report").out
    )


def test_what_a_chart_says_of_itself_is_whole(told: Scene, run: Run, tmp_path: Path) -> None:
    texts = Reader(_written(told, run, tmp_path).read_text("utf-8")).texts
    assert texts.count("failure rate, 7 days") == texts.count("failure rate, one day") == 1
    # no limit, but how high that bar is
    highest = "select max(n) from (select sum(finished) as n from job_outcomes_daily group by day)"
    ((jobs,),) = told.world.connection.execute(highest).fetchall()
    assert f"the highest bar: {jobs} jobs" in texts


def test_text_stands_out_from_what_is_behind_it() -> None:
    css = Path(__file__).parents[3] / "pipelines" / "report" / "page.css"
    light, dark, *_ = re.findall(r":root \{(.*?)\}", css.read_text("utf-8"), re.DOTALL)
    for theme in (light, dark):
        colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", theme))
        for name in ("ink", "dim", "good", "poor", "bad", "stuck", "calm"):
            for behind in ("page", "card"):
                # what WCAG 2.2 asks of text (1.4.3)
                assert _contrast(colours[name], colours[behind]) >= 4.5, (name, behind)


def _contrast(one: str, other: str) -> float:
    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_of_several_days_a_bar_the_last_has_as_many_as_any() -> None:
    days = [Outcomes("", "", date(2026, 1, 1) + timedelta(days=n), 1, 0, 0, 0) for n in range(301)]
    drawn = trend(days)
    assert drawn is not None
    heights = [sum(part.height for part in bar.parts) for bar in drawn.bars]
    assert len(heights) == 101
    assert heights[0] < heights[1] == heights[-1]
    assert drawn.bars[-1].said.startswith("Mon 26 Oct 2026 to Wed 28 Oct 2026\n3 succeeded")


def test_long_times_are_several_days_a_bar(scene: Scene, run: Run, tmp_path: Path) -> None:
    tell(scene.world)
    scene.world.job("old", finished_at=scene.world.connection.execute(
        "select timestamptz '2024-01-01 00:00:00+00'"
    ).fetchall()[0][0])  # fmt: skip
    page = Reader(_published(scene, run, tmp_path, "--days", "3000").read_text("utf-8"))
    bars = sum(tag == "rect" and each.get("class") == "hit" for tag, each in page.tags)
    # 805 days: 7 a bar in each of three charts of kinds and the one of all, and two ranges a kind
    assert bars == 4 * 115 + 4


def test_a_sync_that_read_nothing_does_not_make_it_new(
    scene: Scene, run: Run, tmp_path: Path
) -> None:
    scene.world.run(finished_at=ago(days=4))
    scene.world.run(sync_id="s2", finished_at=ago(minutes=3), outcome="failed")
    page = "".join(Reader(_published(scene, run, tmp_path).read_text("utf-8")).texts)
    assert "· synced 4 days ago; the sync 3 min ago read no kind in full" in page


def test_an_empty_ledger_has_a_page_too(scene: Scene, run: Run, tmp_path: Path) -> None:
    text = _published(scene, run, tmp_path).read_text("utf-8")
    assert "Nothing has been synced yet" in text


# in a real browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("there is no chromium here to look at the page with")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


def _opened(browser: Any, path: Path, **options: Any) -> tuple[Any, list[str]]:
    """The page, and what went wrong on it, or was asked of anyone."""
    page = browser.new_context(offline=True, **options).new_page()
    wrong: list[str] = []

    def dismissed(dialog: Any) -> None:
        wrong.append(dialog.message)
        dialog.dismiss()

    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("dialog", dismissed)
    page.on("request", lambda request: wrong.append(request.url))
    page.goto(path.as_uri())
    assert wrong.pop(0) == path.as_uri()
    return page, wrong


def test_a_browser_runs_nothing_of_what_jobs_are_called(
    scene: Scene, run: Run, tmp_path: Path, browser: Any
) -> None:
    tell_hostile(scene.world)
    page, wrong = _opened(browser, _published(scene, run, tmp_path))
    for summary in page.locator("summary").all():
        summary.click()
    for bar in page.locator(".bar").all()[-3:]:
        bar.hover()
    page.wait_for_timeout(200)
    assert wrong == []
    # as the example of its reason, and among the newest failures
    assert page.locator("code").all_inner_texts().count(f"{HOSTILE}'\"&") == 2


def test_a_browser_shows_the_numbers_of_sql(
    told: Scene, run: Run, tmp_path: Path, browser: Any
) -> None:
    page, wrong = _opened(browser, _written(told, run, tmp_path))
    rates = asked(
        told.world.connection,
        "select kind, rated, job_success_rate from success_rates where period = '30d'",
    )
    shown = {
        row.locator("th .kind").inner_text().strip(): row.locator("td").all_inner_texts()
        for row in page.locator("#health tbody tr").all()
    }
    assert {kind: (cells[2], cells[3].split()[0]) for kind, cells in shown.items()} == {
        row["kind"]: (
            f"{100 * row['job_success_rate']:.1f} %".replace("100.0", "100"),
            str(row["rated"]),
        )
        for row in rates
    }
    assert "low sample" in shown["auto_backfill"][3]
    assert shown["ingest"][:2] == ["stuck", "1 of 1 open jobs stuck"]
    for section in ("#health", "#trends", "#reasons", "#durations", "#stuck", "#freshness"):
        assert page.locator(f"{section} .note").first.is_visible()
    assert wrong == []


def test_a_chart_says_what_one_points_at_by_mouse_and_by_key(
    told: Scene, run: Run, tmp_path: Path, browser: Any
) -> None:
    page, wrong = _opened(browser, _written(told, run, tmp_path))
    chart = page.locator(".trend").nth(2)
    tip = page.locator("#tip")
    assert tip.is_hidden()
    today = "Sun 15 Mar 2026\n2 succeeded, 2 failed\nfailure rate 50.0 %\n21.4 % over 7 days"
    chart.locator(".bar").last.hover()
    assert tip.inner_text() == today
    page.mouse.move(1, 1)
    assert tip.is_hidden()
    chart.focus()
    page.keyboard.press("ArrowLeft")
    assert tip.inner_text() == today
    page.keyboard.press("ArrowLeft")
    assert tip.inner_text().startswith("Sat 14 Mar 2026\n")
    page.keyboard.press("Escape")
    assert tip.is_hidden()
    assert chart.get_attribute("aria-label") == (
        "120 jobs ended from 2026-02-14 to 2026-03-15, 6 failed"
    )
    assert wrong == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 820, 1100, 1280])
def test_it_fits_a_phone_a_tablet_and_both_schemes(
    told: Scene, run: Run, tmp_path: Path, browser: Any, scheme: str, width: int
) -> None:
    page, wrong = _opened(
        browser,
        _written(told, run, tmp_path),
        viewport={"width": width, "height": 700},
        color_scheme=scheme,
    )
    assert page.evaluate("document.documentElement.scrollWidth") == width
    # nor is any table cut off at the edge
    cut = "all => all.filter(each => each.scrollWidth > each.clientWidth).length"
    assert page.locator(".scroll").evaluate_all(cut) == 0
    # a dash that stands under no heading tells nothing
    silent = page.locator("#reasons td.silent").evaluate_all(
        "all => all.map(each => each.offsetParent !== null)"
    )
    assert silent
    assert set(silent) == {width >= 1100}
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(19, 22, 28)") == (scheme == "dark")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("nav").is_hidden()
    assert wrong == []
