"""report.html without a browser: what stands in it, that it stays text, and its size."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import itertools
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote

import pytest
from pages import (
    CLASSES,
    HOSTILE,
    SCRIPT,
    broken,
    finished,
    hostile_report,
    long_table,
    picture,
    plain_table,
    report_of,
    results_of,
)
from records import make_run

from rsbench.report.artefacts import Column, Table
from rsbench.report.figures.render import render
from rsbench.report.figures.rendered import Rendered
from rsbench.report.page import cells, to_html
from rsbench.report.page.embed import packed
from rsbench.report.page.page import TEMPLATES
from rsbench.report.page.tables import table_data
from rsbench.report.writers import to_csv

VOID = {"meta", "link", "img", "input", "br"}


class Reader(HTMLParser):
    """Elements of a page in order: name, attributes, own text, and the names around it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[dict[str, Any]] = []
        self._open: list[dict[str, Any]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = {"tag": tag, **dict(attrs), "text": "", "in": [e["tag"] for e in self._open]}
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()["tag"] == tag

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element["text"] += data

    def all(self, tag: str, **wanted: str) -> list[dict[str, Any]]:
        fitting = [each for each in self.elements if each["tag"] == tag]
        names = {key.rstrip("_"): value for key, value in wanted.items()}
        return [e for e in fitting if all(e.get(name) == v for name, v in names.items())]

    def one(self, tag: str, **wanted: str) -> dict[str, Any]:
        (found,) = self.all(tag, **wanted)
        return found

    def data(self, identifier: str) -> Any:
        return json.loads(self.one("script", id=identifier)["text"])


@pytest.fixture(scope="module")
def rendered() -> dict[str, Rendered]:
    return {"falling": render(picture())}


@pytest.fixture(scope="module")
def page(rendered: dict[str, Rendered]) -> str:
    return to_html(hostile_report(), rendered)


@pytest.fixture(scope="module")
def reader(page: str) -> Reader:
    return Reader(page)


def test_two_artefacts_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="several artefacts called falling"):
        report_of(results_of([], []), picture(), picture())


class TestSafety:
    def test_names_from_data_stay_text(self, page: str, reader: Reader) -> None:
        for hostile in ("<script>window", "</script><!--", "<img src=x", 'falls" <b>', "<i>"):
            assert hostile not in page
        assert [each.get("type") for each in reader.all("script")] == ["application/json"] * 4 + [
            None
        ]
        assert all("\u2028" not in each["text"] for each in reader.all("script"))

    def test_the_same_names_come_back_unharmed(self, reader: Reader) -> None:
        assert any(SCRIPT in label for _, _, label, _ in reader.data("cell-list"))
        shared = reader.data("cell-data")["shared"]
        assert any(value == [f"no luck {HOSTILE}\n\nTraceback {HOSTILE}"] for value in shared)
        assert any(isinstance(v, dict) and list(CLASSES) in v.get("fixed", []) for v in shared)
        assert any(f"Traceback {HOSTILE}" == each["text"] for each in reader.all("pre"))

    def test_nothing_may_be_fetched(self, page: str, reader: Reader) -> None:
        policy = reader.one("meta", **{"http-equiv": "Content-Security-Policy"})["content"]
        allowed = dict(part.split(" ", 1) for part in policy.split("; "))
        assert allowed["default-src"] == "'none'"
        assert allowed["img-src"] == "data:"
        for name, tag in (("script-src", "script"), ("style-src", "style")):
            code = reader.all(tag)[-1]["text"].encode()
            digest = base64.b64encode(hashlib.sha256(code).digest()).decode()
            assert allowed[name] == f"'sha256-{digest}'"
        for element in reader.elements:
            for attribute in ("src", "href"):
                assert (element.get(attribute) or "#").startswith(("#", "data:"))
            assert not any(name == "style" or name.startswith("on") for name in element)
        assert "@import" not in page
        assert "url(" not in page


class TestContent:
    def test_what_is_wrong_stands_in_plain_sight(self, reader: Reader) -> None:
        summary = reader.one("section", id="summary")["text"]
        counts = " ".join(reader.one("ul", class_="counts")["text"].split())
        assert counts == "6 finished 1 failed 1 missing"
        assert "Demo & more" in reader.one("div", class_="caution")["text"]
        failures = reader.one("div", id="failures")["text"]
        assert "things / vit / adapter / seed 0" in failures
        assert "ValueError: no luck" in failures
        assert "things / vit / full / seed 0" in reader.one("div", id="missing")["text"]
        assert "one seed" not in summary

    def test_a_traceback_is_folded_and_its_cell_linked(self, reader: Reader) -> None:
        (traceback,) = reader.all("pre")
        assert "details" in traceback["in"]
        (listed,) = [each for each in reader.data("cell-list") if each[3] == "failed"]
        assert reader.one("a", href=f"#cell-{listed[0]}")["text"] == listed[2]

    def test_who_made_it(self, reader: Reader) -> None:
        facts = reader.one("section", id="summary")["text"]
        for fact in ("2000-01-01", "cpu", "lora", "things", "vit", "3: 0, 1, 2"):
            assert fact in facts

    def test_many_failures_are_a_table_and_the_first_are_shown(self) -> None:
        runs = [make_run("lora", seed) for seed in range(60)]
        results = results_of(runs, [broken(run, f"fault {n}") for n, run in enumerate(runs[:40])])
        reader = Reader(to_html(report_of(results), {}))
        assert len(reader.all("pre")) == 10
        assert "The first 10 of 40" in reader.one("div", id="failures")["text"]
        assert "The first 10 of 20" in reader.one("div", id="missing")["text"]
        tables = [json.loads(each["text"]) for each in reader.all("script")[:2]]
        rows = {each["name"]: each["rows"] for each in tables}
        assert rows == {"failed-cells": 40, "missing-cells": 20}

    def test_what_could_not_be_made_says_why(self, reader: Reader) -> None:
        sentence = " ".join(reader.one("div", class_="absent")["text"].split())
        assert sentence == "Distances Not shown: no features <u>: run it again"

    def test_marks_of_notes_become_elements(self) -> None:
        results = results_of([], [])
        notes = ("**mind** `gamma` <b>", "two", "three", "four")
        table = Table("t", "T", (Column("a", "a"),), ((1,),), notes=notes)
        reader = Reader(to_html(report_of(results, table), {}))
        notes_box = reader.one("div", class_="notes")
        assert "mind gamma <b>" in notes_box["text"]
        assert "mind" in [each["text"] for each in reader.all("strong")]
        folded = [each for each in reader.all("p") if "details" in each["in"]]
        assert [each["text"] for each in folded] == ["two", "three", "four"]

    def test_a_run_without_a_finished_cell(self) -> None:
        runs = [make_run("lora", seed) for seed in range(2)]
        reader = Reader(to_html(report_of(results_of(runs, [])), {}))
        assert "No cell is finished." in reader.one("div", class_="caution")["text"]

    def test_what_the_summary_says_is_not_said_again_below_a_table(self) -> None:
        runs = [make_run("lora")]
        results = results_of(runs, [finished(runs[0])], disclaimer="Demo")
        table = plain_table(results, notes=("**Demo**", "own note"))
        text = Reader(to_html(report_of(results, table), {})).one("div", class_="notes")["text"]
        assert "Demo" not in text
        assert "own note" in text
        assert "summary" in text


class TestStructure:
    def test_headings_descend_one_by_one(self, reader: Reader) -> None:
        levels = [int(e["tag"][1]) for e in reader.elements if re.fullmatch("h[1-6]", e["tag"])]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(deeper <= level + 1 for level, deeper in itertools.pairwise(levels))

    def test_landmarks_language_and_ids(self, reader: Reader) -> None:
        assert reader.one("html")["lang"] == "en"
        for landmark in ("header", "nav", "main", "footer"):
            reader.one(landmark)
        ids = [each["id"] for each in reader.elements if "id" in each]
        assert len(ids) == len(set(ids))
        inner = [e["href"][1:] for e in reader.all("a") if e.get("href", "").startswith("#")]
        assert {each for each in inner if not each.startswith("cell-")} <= set(ids)

    def test_a_figure_is_inside_with_its_size_words_and_downloads(
        self, reader: Reader, rendered: dict[str, Rendered]
    ) -> None:
        image = reader.one("img")
        content = unquote(image["src"].removeprefix("data:image/svg+xml,"))
        assert content.split() == rendered["falling"].svg.decode().split()
        assert (image["width"], image["height"]) == ("384", "192")  # 4 x 2 inches
        assert image["alt"] == 'It "falls" <b>'
        assert reader.one("figcaption")["text"] == "Mean over 3 seeds <i>"
        for name in ("falling.png", "falling.svg"):
            reader.one("a", download=name)

    def test_the_png_is_embedded_at_the_same_size_where_the_svg_is_far_larger(
        self, rendered: dict[str, Rendered]
    ) -> None:
        results, large = results_of([], []), rendered["falling"].svg + b" " * 1_000_000
        rendering = replace(rendered["falling"], svg=large)
        reader = Reader(to_html(report_of(results, picture()), {"falling": rendering}))
        image = reader.one("img")
        content = base64.b64decode(image["src"].removeprefix("data:image/png;base64,"))
        assert content == rendered["falling"].png
        assert (image["width"], image["height"]) == ("384", "192")
        assert "figures/falling.svg" in reader.one("figure")["text"]

    def test_contrast_of_every_text_colour(self) -> None:
        style = (TEMPLATES / "page.css").read_text()
        pairs = dict(re.findall(r"--([\w-]+): light-dark\((#\w+, #\w+)\)", style))
        for number in range(2):
            colours = {name: pair.split(", ")[number] for name, pair in pairs.items()}
            for text in ("ink", "quiet", "accent", "bad"):
                for ground in ("ground", "raised", "stripe"):
                    assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
            assert contrast(colours["ink"], colours["caution"]) >= 4.5


def contrast(first: str, second: str) -> float:
    """Contrast ratio of the Web Content Accessibility Guidelines 2.1."""
    lights = sorted((luminance(first), luminance(second)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def unpacked(column: Any) -> list[Any]:
    return column if isinstance(column, list) else [column["values"][n] for n in column["at"]]


class TestTables:
    def test_packing_loses_nothing(self) -> None:
        for values in ([], ["a"], ["a"] * 50 + ["b"], [1, None, 2] * 9, list(range(40))):
            assert unpacked(json.loads(json.dumps(packed(values)))) == values
        assert isinstance(packed(["a"] * 50), dict)

    def test_fields_of_the_file_are_those_of_the_csv_file(self) -> None:
        table = long_table(30)
        data = table_data(table, {})
        texts = [unpacked(column["text"]) for column in data["columns"]]
        columns = [
            [name, *(texts[fields] if isinstance(fields, int) else unpacked(fields))]
            for name, fields in data["files"]
        ]
        assert [list(row) for row in zip(*columns, strict=True)] == list(
            csv.reader(io.StringIO(to_csv(table)))
        )

    def test_numbers_are_sorted_as_numbers_and_unknown_ones_have_none(self) -> None:
        data = table_data(long_table(30), {})
        name, value, change = data["columns"]
        assert name["keys"] is None
        texts, keys = unpacked(value["text"]), unpacked(value["keys"])
        assert {text for text, key in zip(texts, keys, strict=True) if key is None} == {"–"}  # noqa: RUF001
        assert sorted(key for key in unpacked(change["keys"]) if key is not None)[0] == -50.0


class TestSize:
    def test_the_same_records_give_the_same_page(
        self, page: str, rendered: dict[str, Rendered]
    ) -> None:
        assert to_html(hostile_report(), rendered) == page

    def test_two_thousand_cells_share_their_settings(self) -> None:
        runs = [make_run("lora", seed) for seed in range(2000)]
        first = finished(runs[0])
        records = [
            first.model_copy(update={"id": run.id, "cell": run.cell, "identity": run.identity})
            for run in runs
        ]
        results = results_of(runs, records)
        page = to_html(report_of(results, plain_table(results)), {})
        assert page.count('"learning_rate_scaling"') == 1
        assert len(page) < 2_000_000

    def test_a_list_that_is_too_long_is_left_out_and_said_so(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = make_run("lora")
        record = finished(run)
        monkeypatch.setattr(cells, "MOST_NUMBERS", 3)  # four classes, three epochs
        text = json.dumps(cells.cells_data([record]))
        assert (
            f"4 classes: left out here, to keep the page small; they are in cells/{run.id}" in text
        )
        assert "Training log" in text
        assert "accuracy, %" not in text


class TestOrderOfColumns:
    """Seeds stand behind the numbers, and so do backbone and target that tell no rows apart."""

    def titles(self, rows: list[tuple[str, str, str]]) -> list[str]:
        names = ("backbone", "target", "method", "seeds", "mean", "verdict")
        columns = tuple(Column(name, name) for name in names)
        table = Table("t", "t", columns, tuple((*row, 3, 0.5, "higher") for row in rows))
        data = table_data(table, {})
        assert [name for name, _ in data["files"]] == list(names)
        return [column["title"] for column in data["columns"]]

    def test_one_of_each(self) -> None:
        found = self.titles([("vit", "aid", "lora"), ("vit", "aid", "linear")])
        assert found == ["method", "mean", "verdict", "seeds", "backbone", "target"]

    def test_a_backbone_for_each_target(self) -> None:
        found = self.titles([("vit", "aid", "lora"), ("mae", "dota", "lora")])
        assert found == ["target", "method", "mean", "verdict", "seeds", "backbone"]

    def test_every_backbone_on_every_target(self) -> None:
        pairs = [(backbone, target) for backbone in ("vit", "mae") for target in ("aid", "dota")]
        found = self.titles([(*pair, "lora") for pair in pairs])
        assert found == ["backbone", "target", "method", "mean", "verdict", "seeds"]
