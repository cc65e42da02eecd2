"""report.html in headless Chromium: it loads, sorts, filters, opens cells, and asks nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from browser import Browser, BrowserError, Page, find_browser
from pages import (
    SCRIPT,
    finished,
    hostile_report,
    long_table,
    picture,
    report_of,
    results_of,
)
from records import make_run

from rsbench.report.figures.render import render
from rsbench.report.page import to_html
from rsbench.report.sections.main import main_table
from rsbench.report.writers import to_csv

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rsbench.report.build import Report

DASH = "\u2013"


@pytest.fixture(scope="module")
def report() -> Report:
    return hostile_report()


@pytest.fixture(scope="module")
def address(report: Report, tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text(to_html(report, {"falling": render(picture())}), encoding="utf-8")
    return file.as_uri()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = find_browser()
    if program is None:
        pytest.skip("no Chromium here (Debian: apt-get install chromium)")
    running = Browser(program, tmp_path_factory.mktemp("profile"))
    yield running
    running.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """The page, loaded anew; whatever a test does, nothing may go wrong in it."""
    opened = browser.open(address)
    yield opened
    assert opened.problems() == []
    opened.close()


@pytest.fixture
def saved(page: Page) -> str:
    """The file that the page hands to the user last, as an expression of JavaScript."""
    page.evaluate("URL.createObjectURL = (blob) => { window.saved = blob; return '#'; }; 0")
    return "window.saved"


def column(page: Page, table: str, number: int) -> list[str]:
    """Texts of a column as they are shown."""
    cells = f"document.querySelectorAll('#{table} tbody tr td:nth-child({number})')"
    texts: list[str] = page.evaluate(f"[...{cells}].map((cell) => cell.textContent)")
    return texts


def text(page: Page, selector: str) -> str:
    return str(page.evaluate(f"document.querySelector({selector!r}).textContent"))


def visible(page: Page, selector: str) -> bool:
    return bool(page.evaluate(f"document.querySelector({selector!r}).checkVisibility()"))


class TestNetwork:
    def test_the_page_asks_for_itself_alone(self, page: Page, address: str) -> None:
        page.wait("[...document.images].every((image) => image.naturalWidth > 0)")
        asked = [each for each in page.requests() if not each.startswith("data:")]
        assert asked == [address]

    def test_a_request_is_refused_by_its_policy(self, browser: Browser, address: str) -> None:
        page = browser.open(address)
        with pytest.raises(BrowserError, match="Failed to fetch"):
            page.evaluate("fetch('http://127.0.0.1:9/')")
        refused = "Content Security Policy"
        assert [each for each in page.problems() if refused in each]
        page.close()

    def test_names_do_not_run(self, page: Page) -> None:
        assert page.evaluate("window.caught === undefined")
        assert SCRIPT in column(page, "numbers", 1)


class TestTables:
    def test_sorts_by_number_there_and_back(self, page: Page) -> None:
        original = column(page, "long", 2)
        heading = "#long th:nth-child(2)"
        page.click(f"{heading} button")
        shown = column(page, "long", 2)
        numbers = [float(each) for each in shown]
        assert numbers == sorted(numbers)
        assert numbers[:2] == [0.0, 1.5]
        assert page.evaluate(f"document.querySelector('{heading}').ariaSort") == "ascending"
        page.click(f"{heading} button")
        assert column(page, "long", 2)[0] == "373.50"
        assert page.evaluate(f"document.querySelector('{heading}').ariaSort") == "descending"
        page.click(f"{heading} button")
        assert column(page, "long", 2) == original
        assert page.evaluate(f"document.querySelector('{heading}').ariaSort") == "none"

    def test_negative_numbers_come_first(self, page: Page) -> None:
        page.click("#long th:nth-child(3) button")
        shown = column(page, "long", 3)
        assert [each.split(" ")[0] for each in shown[:3]] == ["-50.0", "-49.0", "-48.0"]

    def test_the_undefined_come_last_whatever_the_direction(self, page: Page) -> None:
        page.evaluate("document.querySelector('#long input').focus()")
        page.type("3,")
        for _ in range(2):
            page.click("#long th:nth-child(2) button")
            values = column(page, "long", 2)
            assert values[-25:] == [DASH] * 25
            assert DASH not in values[:-25]

    def test_sorts_text_by_the_keyboard(self, page: Page) -> None:
        page.evaluate("document.querySelector('#long th button').focus()")
        page.press("Enter")
        assert column(page, "long", 1)[:3] == ['row 0, "even"', 'row 1, "odd"', 'row 2, "even"']
        page.press(" ")
        assert column(page, "long", 1)[0] == 'row 249, "odd"'

    def test_filters_by_all_words(self, page: Page) -> None:
        page.click("#long input")
        page.type("ROW odd 24")
        names = column(page, "long", 1)
        assert all("odd" in name for name in names)
        assert 'row 241, "odd"' in names
        assert text(page, "#long .count") == f"{len(names)} rows (of 250)"
        page.type(" nowhere")
        assert column(page, "long", 1) == []
        assert text(page, "#long .count") == "no row of 250"

    def test_a_long_table_is_shown_page_by_page(self, page: Page) -> None:
        assert len(column(page, "long", 1)) == 100
        assert text(page, "#long .count") == f"1{DASH}100 of 250 rows"
        page.click("#long .pager button:nth-child(2)")
        page.click("#long .pager button:nth-child(2)")
        assert text(page, "#long .count") == f"201{DASH}250 of 250 rows"
        assert page.evaluate("document.querySelector('#long .pager button:nth-child(2)').disabled")

    def test_the_csv_is_the_file_beside_the_page(self, page: Page, saved: str) -> None:
        page.click("#long .csv")
        assert page.evaluate(f"{saved}.text()") == to_csv(long_table(250))

    def test_groups_and_units_stand_in_the_headings(self, page: Page) -> None:
        group = "document.querySelector('#numbers .groups th')"
        assert page.evaluate(f"[{group}.textContent, {group}.colSpan]") == ["accuracy", 2]
        assert text(page, "#numbers thead tr:last-child th:nth-child(2)") == "mean (%)"


class TestCells:
    def test_opens_closes_by_escape_and_gives_the_focus_back(
        self, page: Page, report: Report
    ) -> None:
        link = "#numbers tbody tr:nth-child(2) .links a:nth-child(3)"
        page.click(link)
        page.wait("document.querySelector('#cell').open")
        record = report.results.rows[1].records[2]
        shown = text(page, "#cell")
        for expected in (
            record.cell.label,
            record.id,
            "learning_rate_scaling",
            SCRIPT,
            "ship & boat",
            "Training log",
            f"{100 * record.metrics.mean_class:.2f}" if record.metrics else "?",
        ):
            assert expected in shown
        assert page.evaluate("document.querySelector('#cell').contains(document.activeElement)")
        page.press("Escape")
        page.wait("!document.querySelector('#cell').open")
        assert page.evaluate(f"document.activeElement === document.querySelector({link!r})")
        page.wait("location.hash === ''")

    def test_an_address_opens_a_failed_cell(self, page: Page, address: str, report: Report) -> None:
        (failure,) = report.results.failures
        page.go(f"{address}#cell-{failure.id}")
        page.wait("document.querySelector('#cell').open")
        shown = text(page, "#cell")
        assert "Traceback" in shown
        assert "</script>" in shown
        assert "\u2028" in shown

    def test_an_unknown_cell_is_said_to_be_unknown(self, page: Page, address: str) -> None:
        page.go(f"{address}#cell-0123")
        page.wait("document.querySelector('#cell').open")
        assert "This report has no cell 0123" in text(page, "#cell")


class TestLooks:
    def test_a_figure_opens_large_by_enter(self, page: Page) -> None:
        page.evaluate("document.querySelector('.picture').focus()")
        page.press("Enter")
        page.wait("document.querySelector('#enlarged').open")
        assert page.evaluate("document.querySelector('#enlarged img').width") > 1000
        page.press("Escape")
        page.wait("!document.querySelector('#enlarged').open")
        assert page.evaluate("document.activeElement.className") == "picture"

    def test_a_figure_is_saved_as_it_is_and_as_png(self, page: Page, saved: str) -> None:
        page.wait("document.querySelector('figure img').complete")
        page.click("a.drawn-picture")
        page.wait(saved)
        head = f"{saved}.arrayBuffer().then((content) => [...new Uint8Array(content, 0, 24)])"
        first = bytes(page.evaluate(head))
        assert first.startswith(b"\x89PNG")
        size = [int.from_bytes(first[at : at + 4], "big") for at in (16, 20)]
        assert size == [800, 400]  # 4 x 2 inches at 200 dots each
        page.evaluate("addEventListener('click', (event) => event.preventDefault()); 0")
        page.click("a.same-picture")
        shown = "document.querySelector('a.same-picture').href"
        page.wait(f"{shown} === document.querySelector('figure img').src")

    def test_dark_by_the_system_and_by_the_button(self, page: Page) -> None:
        ground = "getComputedStyle(document.body).backgroundColor"
        page.prefer("light")
        light = page.evaluate(ground)
        page.prefer("dark")
        dark = page.evaluate(ground)
        assert light != dark
        page.click("#theme")
        assert page.evaluate(ground) == light
        assert page.evaluate("localStorage.length") == 0

    def test_a_phone_has_a_folded_menu_and_scrolls_tables_in_their_box(self, page: Page) -> None:
        page.resize(360, 740)
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        assert not visible(page, "nav")
        page.click("#menu")
        assert visible(page, "nav")
        page.press("Escape")
        assert not visible(page, "nav")

    @pytest.mark.parametrize(("width", "column"), [(400, "head"), (1280, "mean")])
    def test_accuracies_stand_within_the_box_of_their_table(
        self, browser: Browser, tmp_path: Path, width: int, column: str
    ) -> None:
        runs = [
            make_run(f"{method}_of_a_long_name", target=target, backbone=f"{target}_vit", **own)
            for target in ("aid_long_tailed", "dota_long_tailed")
            for method, own in (("lora", {"metapeft": True}), ("linear", {}), ("adapter", {}))
        ]
        records = [finished(run, n) for n, run in enumerate(runs)]
        results = results_of(runs, records)
        file = tmp_path / "report.html"
        file.write_text(to_html(report_of(results, main_table(results)), {}), encoding="utf-8")
        page = browser.open(file.as_uri())
        page.resize(width, 800)
        heading = (
            "[...document.querySelectorAll('#main thead th')]"
            f".find((each) => each.textContent.startsWith('{column}'))"
        )
        right = f"{heading}.getBoundingClientRect().right"
        frame = "document.querySelector('#main .scroll').getBoundingClientRect().right"
        assert page.evaluate(f"{right} <= {frame}")
        cut = page.evaluate(
            "document.querySelector('#main .scroll').scrollWidth > "
            "document.querySelector('#main .scroll').clientWidth"
        )
        assert visible(page, "#main .more") is cut
        assert page.problems() == []
        page.close()

    def test_the_first_tab_leads_to_the_content(self, page: Page) -> None:
        page.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.press("Enter")
        assert page.evaluate("document.activeElement.id") == "content"

    def test_paper_has_everything_but_the_controls(self, page: Page) -> None:
        page.evaluate(
            "addEventListener('beforeprint', () => { window.rows ="
            " document.querySelectorAll('#long tbody tr').length; }); 0"
        )
        assert page.pdf().startswith(b"%PDF")
        assert page.evaluate("window.rows") == 250
        assert len(column(page, "long", 1)) == 100
        page.prefer("dark", "print")
        for control in ("nav", "#theme", "#long input", "#long .csv", ".downloads"):
            assert not visible(page, control)
        assert page.evaluate("getComputedStyle(document.body).color") == "rgb(26, 31, 36)"
