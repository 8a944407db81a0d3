"""The dashboard as people have it: the command's own process, and a real browser."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest
import requests
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect, sync_playwright

from jobledger.pipelines.project import Project
from tests.notebooks.conftest import IMAGE, SCRIPT, Ask

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
PATIENCE = 60_000
"""Milliseconds: a busy machine is no failure."""
FILTERS = ("Source", "Provider", "Kind", "Object", "Period")

needs_browser = pytest.mark.skipif(
    not CHROMIUM.exists(), reason=f"there is no {CHROMIUM}: apt-get install chromium"
)


@pytest.fixture(scope="module")
def address(project: Project) -> Iterator[str]:
    """Where the command says that the page is; SIGTERM ends it, whatever pages were opened."""
    command = str(Path(sys.executable).with_name("jobledger"))
    arguments = ["--project", str(project.folder), "dashboard", "--port", "0", "--headless"]
    with subprocess.Popen(
        [command, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "HOME": str(project.folder.parent), "JOBLEDGER_PROJECT": ""},
    ) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 143
    assert said == "serving the dashboard there, for this machine alone; Ctrl-C ends it\n"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


class Opened:
    """The page, and what the browser complained of."""

    def __init__(self, browser: Browser, address: str) -> None:
        self.page: Page = browser.new_page(viewport={"width": 1280, "height": 1000})
        self.page.set_default_timeout(PATIENCE)
        self.complaints: list[str] = []
        self.strangers: list[str] = []
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page.on("request", lambda request: self._watch(request.url))
        self.page.goto(address)
        self.heading("One job").wait_for()
        expect(self.page.get_by_label("Show one of them")).to_be_visible(timeout=PATIENCE)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    def _watch(self, url: str) -> None:
        if not re.match(r"(https?|ws)://127\.0\.0\.1:|data:|blob:", url):
            self.strangers.append(url)

    def heading(self, name: str) -> Locator:
        return self.page.get_by_role("heading", name=name, exact=True)

    def card(self, name: str) -> Locator:
        return self.page.locator(".jl-cards > div").filter(has_text=name).locator(".jl-number")

    def choose(self, name: str, option: str) -> None:
        """Chooses in a filter, by the keyboard as far as the list."""
        self.page.get_by_label(name, exact=True).focus()
        self.page.keyboard.press("Enter")
        self.page.get_by_role("option", name=option, exact=True).click()
        self.page.keyboard.press("Escape")


@pytest.fixture
def opened(browser: Browser, address: str) -> Iterator[Opened]:
    opened = Opened(browser, address)
    yield opened
    opened.page.close()
    assert opened.complaints == []
    assert opened.strangers == []


def test_only_who_knows_the_token_sees_the_page(address: str) -> None:
    bare = address.partition("?")[0]
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?access_token=[\w-]{32}", address)
    for url in (bare, f"{bare}?access_token=wrong", f"{bare}api/status", f"{bare}api/usage"):
        answer = requests.get(url, timeout=30, allow_redirects=False)
        assert answer.status_code in {303, 401}, url
    assert requests.get(address, timeout=30).status_code == 200


@needs_browser
def test_a_filter_changes_the_numbers_to_what_sql_says(opened: Opened, ask: Ask) -> None:
    def shows(where: str) -> None:
        ((finished, rate),) = ask(
            "select sum(finished), sum(job_success_rate * rated) / sum(rated)"
            f" from success_rates where {where}"
        )
        expect(opened.card("Finished jobs")).to_have_text(f"{finished:,}", timeout=PATIENCE)
        expect(opened.card("Success rate")).to_have_text(f"{100 * rate:.1f} %", timeout=PATIENCE)

    shows("period = '30d'")
    opened.choose("Kind", "data_query")
    shows("period = '30d' and kind = 'data_query'")
    opened.page.get_by_label("Period").select_option(label="everything")
    shows("period = 'all' and kind = 'data_query'")
    rates = opened.page.get_by_role("table", name="Success rates, everything")
    expect(rates.get_by_role("row")).to_have_count(2, timeout=PATIENCE)
    opened.choose("Source", "salesforce")
    expect(opened.card("Finished jobs")).to_have_text("0", timeout=PATIENCE)
    expect(opened.card("Success rate")).to_have_text("–", timeout=PATIENCE)
    expect(opened.page.get_by_text("No job ended in these days.")).to_be_visible(timeout=PATIENCE)


@needs_browser
def test_from_a_reason_to_its_jobs_to_one_jobs_history_and_failed_rows(
    browser: Browser, address: str, ask: Ask, project: Project
) -> None:
    ((job_id, versions),) = ask(
        "select job_id, count(*) from jobs join job_history using (source, kind, job_id)"
        " where kind = 'ingest' and jobs.status = 'partial' and operation <> 'query'"
        " and jobs.raw->>'jobType' <> 'Classic' group by job_id, finished_at"
        " order by finished_at desc limit 1"
    )
    opened = Opened(browser, f"{address}&kind=ingest&period=all")
    page = opened.page
    ((jobs, words),) = ask(
        "select jobs, fingerprint from failure_reasons where kind = 'ingest'"
        " order by failed desc, partial desc limit 1"
    )
    reasons = page.get_by_role("table", name="Reasons of failures")
    expect(reasons.get_by_role("row").nth(1)).to_contain_text(words, timeout=PATIENCE)
    page.get_by_label("Show the jobs of").select_option(
        label=f"{words} (salesforce · ingest, {jobs:,} jobs)"
    )
    expect(page.get_by_text(f"{jobs:,} jobs: {words}")).to_be_visible(timeout=PATIENCE)
    listed = page.get_by_role("table", name="Failed and partial jobs")
    expect(listed.get_by_role("row")).to_have_count(1 + jobs, timeout=PATIENCE)
    newest = listed.get_by_role("row").nth(1).get_by_role("cell").last.inner_text()
    page.get_by_label("Show one of them").select_option(index=1)
    expect(opened.heading(f"salesforce · ingest · {newest}")).to_be_visible(timeout=PATIENCE)

    page.get_by_label("Or any job, by its id").fill(job_id)
    page.keyboard.press("Enter")
    expect(opened.heading(f"salesforce · ingest · {job_id}")).to_be_visible(timeout=PATIENCE)
    history = page.get_by_role("table", name="Versions of the job")
    expect(history.get_by_role("row")).to_have_count(1 + versions, timeout=PATIENCE)
    page.get_by_text("The provider's record").click()
    expect(page.get_by_role("region", name="raw record")).to_contain_text(f'"id": "{job_id}"')

    page.get_by_role("button", name="Ask the provider which rows failed").click()
    failed = page.get_by_role("table", name="Failed rows")
    expect(failed.get_by_role("columnheader").first).to_have_text("sf__Id", timeout=PATIENCE)
    errors = failed.get_by_role("cell").all_inner_texts()
    page.close()
    assert opened.complaints == []
    # customer data: nothing of it is kept
    longest = max(errors, key=len).encode()
    assert len(longest) > 20
    kept = [path for path in project.folder.parent.rglob("*") if path.is_file()]
    assert project.warehouse in kept
    assert [path for path in kept if longest in path.read_bytes()] == []


@needs_browser
def test_a_choice_of_the_address_that_there_is_not_is_told(browser: Browser, address: str) -> None:
    opened = Opened(browser, f"{address}&kind=ingest&source=zoura&period=7d")
    said = opened.page.get_by_text("There is no source 'zoura': left out.")
    expect(said).to_be_visible(timeout=PATIENCE)
    days = opened.page.get_by_text("The chart goes back 14 days, the numbers above do not.")
    expect(days).to_be_visible(timeout=PATIENCE)
    opened.page.get_by_label("Period").select_option(label="last 30 days")
    expect(days).to_have_count(0, timeout=PATIENCE)
    opened.page.close()
    assert opened.complaints == []


@needs_browser
def test_a_job_that_means_harm_does_none(browser: Browser, address: str) -> None:
    opened = Opened(browser, f"{address}&object={SCRIPT.replace('<', '%3C').replace('>', '%3E')}")
    page = opened.page
    expect(page.get_by_label("Object", exact=True)).to_have_text(SCRIPT, timeout=PATIENCE)
    listed = page.get_by_role("table", name="Failed and partial jobs")
    expect(listed.get_by_role("row").nth(1)).to_contain_text(SCRIPT, timeout=PATIENCE)
    expect(listed.get_by_role("row").nth(1)).to_contain_text(IMAGE)
    page.get_by_label("Show one of them").select_option(index=1)
    facts = page.locator(".jl-facts")
    expect(facts).to_contain_text(SCRIPT, timeout=PATIENCE)
    expect(facts).to_contain_text(IMAGE)
    assert page.locator("img[src='x']").count() == 0
    assert page.evaluate("[...document.scripts].some(s => s.text.includes('alert(1)'))") is False
    page.close()
    assert opened.complaints == []


@needs_browser
def test_keyboards_and_screen_readers_find_their_way(opened: Opened) -> None:
    page = opened.page
    assert page.title() == "Job health"
    assert page.evaluate("document.documentElement.lang") == "en"
    levels = page.get_by_role("heading").evaluate_all("all => all.map(each => each.tagName)")
    assert levels[0] == "H1"
    assert levels.count("H1") == 1
    assert all(int(b[1]) <= int(a[1]) + 1 for a, b in pairwise(levels))
    for name in FILTERS:
        expect(page.get_by_label(name, exact=True)).to_have_count(1)
    for table in page.locator("table.jl-table").all():
        assert table.locator("caption").text_content()
        assert table.locator("th[scope=col]").count() > 1
    said = page.locator("[role=graphics-document]").evaluate_all(
        "all => all.map(each => each.getAttribute('aria-label'))"
    )
    assert len(said) == 8
    assert all(said)
    reached: list[str] = []
    page.get_by_label("Source", exact=True).focus()
    for _ in range(15):
        reached.append(
            page.evaluate(
                """() => {
                let found = document.activeElement;
                while (found.shadowRoot?.activeElement) found = found.shadowRoot.activeElement;
                return found.labels?.[0]?.innerText || found.ariaLabel || found.innerText;
                }"""
            )
        )
        page.keyboard.press("Tab")
    assert reached[:5] == list(FILTERS)
    assert "Health of each kind, the worst first" in reached
    assert reached.index("Show the jobs of") < reached.index("Show one of them")
    assert reached.index("Show one of them") < reached.index("Or any job, by its id")


@needs_browser
def test_a_phone_shows_every_table_whole_and_no_button_without_a_name(opened: Opened) -> None:
    page = opened.page
    tables = page.locator(".jl-scroll")
    cut = "all => all.filter(each => each.scrollWidth > each.clientWidth).length"
    assert tables.evaluate_all(cut) == 0
    page.set_viewport_size({"width": 820, "height": 1100})
    assert tables.evaluate_all(cut) == 0
    page.set_viewport_size({"width": 390, "height": 800})
    page.get_by_label("Show one of them").select_option(index=1)
    page.get_by_role("table", name="Versions of the job").wait_for()
    page.get_by_text("All durations in numbers").click()
    assert tables.count() == 7
    assert tables.evaluate_all(cut) == 0
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    health = page.get_by_role("region", name="Health of each kind, the worst first")
    expect(health.get_by_text("16 of 25 jobs failed in 7 days (64.0 %)")).to_be_visible()
    # why a kind is as it is stands on lines of its own
    whys = health.locator("td:nth-child(4)").evaluate_all(
        "all => all.map(each => each.offsetWidth / each.parentElement.offsetWidth)"
    )
    assert len(whys) == 6
    assert min(whys) > 0.9
    buttons = page.get_by_role("button")
    assert buttons.count() > 0
    for button in buttons.all():
        assert button.get_attribute("aria-label") or button.inner_text().strip()


@needs_browser
def test_a_new_publication_is_noticed_and_the_choice_is_kept(
    browser: Browser, address: str, project: Project
) -> None:
    opened = Opened(browser, f"{address}&kind=data_query&period=all")
    page = opened.page
    before = opened.card("Finished jobs").inner_text()
    words = IMAGE.replace("2", "#")
    # the words of a reason tell how many jobs it has: they change, and it is the same reason
    reason = page.get_by_label("Show the jobs of")
    reason.select_option(label=f"{words} (zuora · data_query, 1 job)")
    expect(page.get_by_text(f"1 job: {words}")).to_be_visible(timeout=PATIENCE)
    page.get_by_label("Show one of them").select_option(index=1)
    expect(opened.heading("zuora · data_query · harm")).to_be_visible(timeout=PATIENCE)
    fresh = project.warehouse.with_name("fresh.duckdb")
    shutil.copyfile(project.warehouse, fresh)
    kept = project.warehouse.with_name("kept.duckdb")
    shutil.copyfile(project.warehouse, kept)
    with duckdb.connect(fresh) as connection:
        connection.execute(
            "insert into loaded.job_versions select * replace ('fresh' as job_id)"
            " from loaded.job_versions where job_id = 'harm'"
        )
    try:
        fresh.replace(project.warehouse)
        more = f"{int(before.replace(',', '')) + 1:,}"
        expect(opened.card("Finished jobs")).to_have_text(more, timeout=PATIENCE)
        expect(page.get_by_label("Kind", exact=True)).to_have_text("data_query")
        expect(page.get_by_text(f"2 jobs: {words}")).to_be_visible(timeout=PATIENCE)
        expect(reason.locator("option:checked")).to_have_text(
            f"{words} (zuora · data_query, 2 jobs)", timeout=PATIENCE
        )
        listed = page.get_by_role("table", name="Failed and partial jobs")
        expect(listed.get_by_role("row")).to_have_count(3, timeout=PATIENCE)
        expect(page.get_by_label("Show one of them").locator("option:checked")).to_have_text(
            re.compile(" · harm$"), timeout=PATIENCE
        )
        expect(opened.heading("zuora · data_query · harm")).to_be_visible(timeout=PATIENCE)
    finally:
        kept.replace(project.warehouse)
    expect(opened.card("Finished jobs")).to_have_text(before, timeout=PATIENCE)
    page.close()
    assert opened.complaints == []
