"""Tables as files: CSV, Markdown, LaTeX and parquet of the same table, read back."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow.parquet
import pytest
from markdown_it import MarkdownIt
from records import little_folder, make_run
from report_tables import finish, keep_predictions, predicted

import rsbench
from rsbench.report.artefacts import Column, Measure, Table
from rsbench.report.build import build_report
from rsbench.report.writers import (
    escape_latex,
    escape_markdown,
    pointer,
    texts,
    to_csv,
    to_latex,
    to_markdown,
    to_parquet,
)
from rsbench.spreadsheet import csv_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rsbench.report.artefacts import Value

NASTY = ("a|b", "<script>x</script>", "A & B_1", "50 % of #1 $ {x} ~ ^", "\\end", "[x](y)", "*",
         "_x_", "`c`", "two\nlines", "&lt;", "Größe 鳥")  # fmt: skip
COLUMNS = (
    Column("name", "name"),
    Column("count", "count"),
    Column("share", "share, %", digits=2),
    Column("right", "right"),
    Column("mean", "mean", unit="%", group="score", parts=("mean", "std", "low", "high")),
    Column("gain", "gain", group="score", parts=("mean", "std"), signed=True),
)


def table(rows: Sequence[tuple[Value, ...]], columns: tuple[Column, ...] = COLUMNS) -> Table:
    return Table("little", "A little table", columns, tuple(rows), notes=("a **note**",))


@pytest.fixture
def full() -> Table:
    rows = [
        (name, n * 1000, 0.5 + n, n % 2 == 0, Measure(50.0 + n / 3, 1.0, 49.0, 51.0), Measure(-n))
        for n, name in enumerate(NASTY)
    ]
    return table([*rows, ("", None, None, None, Measure(None), Measure(None))])


class TestFormulas:
    @pytest.mark.parametrize("text", ["=cmd|'/c calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1"])
    def test_what_a_spreadsheet_would_compute_is_text(self, text: str) -> None:
        written = to_csv(table([(text,)], (Column(text, "name"),)))
        assert list(csv.reader(io.StringIO(written, newline=""))) == [[f"'{text}"]] * 2

    @pytest.mark.parametrize("text", ["-0.5", "+1e-3", "a=b", "lora+metapeft", "-inf", ""])
    def test_numbers_and_other_texts_stay(self, text: str) -> None:
        assert csv_text([(text, 1)]) == f"{text},1\n"

    def test_every_writer_passes_there(self) -> None:
        package = Path(rsbench.__file__).parent
        sources = {file: file.read_text(encoding="utf-8") for file in package.rglob("*.py")}
        writers = [file for file, text in sources.items() if re.search(r"csv\.\w*[wW]riter", text)]
        assert writers == [package / "spreadsheet.py"]


class TestCsvAndParquet:
    def test_hold_the_same_numbers(self, full: Table) -> None:
        text = pd.read_csv(io.StringIO(to_csv(full)), keep_default_na=False, na_values={
            name: [""] for name in ("count", "share", "mean_mean", "gain_mean", "gain_std")
        })  # fmt: skip
        typed = pd.read_parquet(io.BytesIO(to_parquet(full)))
        assert list(text.columns) == list(typed.columns)
        assert list(text["name"]) == list(typed["name"]) == [row[0] for row in full.rows]
        for name in ("count", "share", "mean_mean", "gain_mean"):
            pd.testing.assert_series_equal(
                text[name].astype(float), typed[name].astype(float), rtol=1e-5, check_names=False
            )
        assert typed["gain_std"].isna().all()
        assert typed["mean_mean"].iloc[1] == 50.0 + 1 / 3

    def test_types_do_not_depend_on_what_is_missing(self, full: Table) -> None:
        def types(rows: Sequence[tuple[Value, ...]]) -> dict[str, str]:
            schema = pyarrow.parquet.read_schema(io.BytesIO(to_parquet(table(rows))))
            return {field.name: str(field.type) for field in schema}

        whole = types(full.rows)
        assert whole["name"] == "string"
        assert (whole["count"], whole["right"]) == ("int64", "bool")
        assert {whole[name] for name in whole if "_" in name or name == "share"} == {"double"}
        undefined = Measure(None)
        none = types([("x", 1, None, True, undefined, undefined)])
        assert none == whole
        assert "null" not in types([("", None, None, None, undefined, undefined)]).values()

    def test_whole_numbers_beside_fractions_are_fractions(self) -> None:
        mixed = table([(1,), (2.5,)], (Column("x", "x"),))
        assert list(pd.read_parquet(io.BytesIO(to_parquet(mixed)))["x"]) == [1.0, 2.5]

    def test_a_table_without_rows_keeps_its_columns(self) -> None:
        empty = table([])
        assert to_csv(empty).strip() == (
            "name,count,share,right,mean_mean,mean_std,mean_low,mean_high,gain_mean,gain_std"
        )
        assert len(pd.read_parquet(io.BytesIO(to_parquet(empty)))) == 0


def fields_of(html: str) -> list[list[str]]:
    rows = re.findall(r"<tr>(.*?)</tr>", html, re.DOTALL)
    return [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.DOTALL) for row in rows]


class TestMarkdown:
    def render(self, shown: Table) -> str:
        return MarkdownIt("commonmark").enable("table").render(to_markdown(shown))

    def test_every_name_is_text_again_when_it_is_read(self, full: Table) -> None:
        from html import unescape

        html = self.render(full)
        read = [unescape(fields[0]) for fields in fields_of(html)[1:]]
        assert read == [name.replace("\n", " ") for name in (*NASTY, "")]
        assert "<script" not in html
        assert "<a " not in html
        assert {len(fields) for fields in fields_of(html)} == {len(COLUMNS)}

    def test_notes_keep_their_marks_but_no_html(self) -> None:
        noted = Table("n", "t", (), (), notes=("**bold** <script>\nx &lt; | y",))
        html = self.render(noted)
        assert "<strong>bold</strong> &lt;script&gt; x &amp;lt; | y" in html

    def test_numbers_and_intervals_are_as_written(self, full: Table) -> None:
        assert "| 50.3 ± 1.0 [49.0, 51.0] | -1.0 |" in to_markdown(full)

    def test_a_table_in_files_alone_says_where_it_is(self, full: Table) -> None:
        long = Table("long", "Long", full.columns, full.rows, files_only=True)
        assert pointer(long) == "13 rows: long.csv and long.parquet in the folder tables."
        assert pointer(long) in to_markdown(long)
        assert "| --- |" not in to_markdown(long)

    @pytest.mark.parametrize(
        ("text", "written"),
        [
            ("demo_vit", "demo_vit"),
            ("[1.0, 2.0]", "[1.0, 2.0]"),
            ("a < b & c", "a < b & c"),
            ("lora+metapeft", "lora+metapeft"),
            ("+1.0 ± 0.2", "+1.0 ± 0.2"),
        ],
    )
    def test_what_is_harmless_stays_readable(self, text: str, written: str) -> None:
        assert escape_markdown(text) == written


_SPECIAL = re.compile(r"(?<!\\)[&%$#_{}~^]")


def latex_problems(text: str) -> list[str]:
    """What is wrong with a ``tabular``: unbalanced braces, unequal rows, bare characters."""
    lines = text.splitlines()
    begin = next(n for n, line in enumerate(lines) if line.startswith(r"\begin{tabular}"))
    width = len(lines[begin].removeprefix(r"\begin{tabular}{").removesuffix("}"))
    problems = [f"not a comment: {line}" for line in lines[:begin] if not line.startswith("%")]
    if [lines[begin + 1], *lines[-2:]] != [r"\toprule", r"\bottomrule", r"\end{tabular}"]:
        problems.append("the rules or the end are missing")
    for line in lines[begin + 2 : -2]:
        if re.sub(r"\\[{}]", "", line).count("{") != re.sub(r"\\[{}]", "", line).count("}"):
            problems.append(f"braces: {line}")
        if line == r"\midrule" or line.startswith(r"\cmidrule"):
            continue
        if not line.endswith(r" \\"):
            problems.append(f"no end of line: {line}")
        if _columns(line) != width:
            problems.append(f"{_columns(line)} columns of {width}: {line}")
        if re.match(r"[\[*]", line):
            problems.append(f"an argument of the line before: {line}")
        commands = r"\$\\(?:pm|times|gamma|leq|geq|rightarrow)\$|\$-\$|\\multicolumn\{\d+\}\{c\}"
        rest = re.sub(commands, "", line).replace(" & ", "").replace("{}", "")
        bare = set(_SPECIAL.findall(rest)) - {"{", "}"}
        if bare:
            problems.append(f"bare {sorted(bare)}: {line}")
    return problems


def _columns(line: str) -> int:
    spans = [int(each) for each in re.findall(r"\\multicolumn\{(\d+)\}", line)]
    return len(re.findall(r"(?<!\\)&", line)) + 1 + sum(each - 1 for each in spans)


class TestLatex:
    def test_every_name_is_harmless(self, full: Table) -> None:
        assert latex_problems(to_latex(full)) == []

    def test_the_check_finds_what_it_is_for(self, full: Table) -> None:
        good = to_latex(full)
        assert latex_problems(good.replace(r"\&", "&"))
        assert latex_problems(good.replace(r"\_", "_"))
        assert latex_problems(good.replace(r"\}", "}", 1))
        assert latex_problems(good.replace(r"\bottomrule", ""))

    def test_titles_and_notes_are_comments_whatever_they_hold(self) -> None:
        text = to_latex(Table("n", "two\nlines", COLUMNS[:1], (("x",),), notes=("a\rb\u2028c",)))
        assert text.splitlines()[0] == "% two lines"
        assert latex_problems(text) == []

    def test_signs(self) -> None:
        assert escape_latex("1 ± 2 × γ → −3") == (  # noqa: RUF001 - signs of tables
            r"1 $\pm$ 2 $\times$ $\gamma$ $\rightarrow$ $-$3"
        )


_PREAMBLE = r"""\documentclass{article}
\usepackage[paperwidth=200cm,paperheight=60cm]{geometry}
\usepackage{booktabs}
\begin{document}"""


def _has_booktabs() -> bool:
    finder = shutil.which("kpsewhich")
    return (
        finder is not None and not subprocess.run([finder, "booktabs.sty"], check=False).returncode
    )


class TestEveryTableOfAReport:
    @pytest.fixture
    def tables(self, tmp_path: Path) -> list[Table]:
        folder = little_folder(tmp_path)
        runs = [
            make_run(method, seed, metapeft, target=target)
            for target in ("sar & <b>", "dota_100%")
            for method in ("lora", "bitfit", "li|near")
            for metapeft in (False, True)
            for seed in (0, 1, 2)
        ]
        names = ("<b>bold</b>", "a|b_{c}", "50 % & more")
        made = [
            predicted(run, (9, 6 + run.cell.seed, 3), 10, (30, 20, 10), class_names=names)
            for run in runs[:-1]
        ]
        finish(folder, runs, [record for record, _, _ in made], disclaimer="a & b\nc % <i>d</i>")
        for each in made:
            keep_predictions(folder, *each, 0.7)
        return [each for each in build_report(folder).artefacts() if isinstance(each, Table)]

    def test_latex_is_balanced(self, tables: list[Table]) -> None:
        assert len(tables) > 10
        found = {each.name: latex_problems(to_latex(each)) for each in tables if each.rows}
        assert {name: problems for name, problems in found.items() if problems} == {}

    def test_latex_compiles(self, tables: list[Table], full: Table, tmp_path: Path) -> None:
        pdflatex = shutil.which("pdflatex")
        if pdflatex is None or not _has_booktabs():
            pytest.skip("no LaTeX with booktabs here (Debian: texlive-latex-recommended)")
        body = [to_latex(each) for each in (*tables, full) if each.rows]
        pages = [rf"\clearpage\noindent {{% a page each{chr(10)}{each}}}" for each in body]
        source = [_PREAMBLE, *pages, r"\end{document}"]
        # letters of no Latin alphabet are for XeLaTeX and LuaLaTeX
        (tmp_path / "tables.tex").write_text("\n".join(source).replace("鳥", "x"))
        command = [pdflatex, "-interaction=nonstopmode", "-halt-on-error", "tables.tex"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:]
        assert f"({len(body)} pages" in done.stdout

    def test_markdown_has_every_row_and_column(self, tables: list[Table]) -> None:
        for each in tables:
            html = MarkdownIt("commonmark").enable("table").render(to_markdown(each))
            assert "<b>" not in html
            assert "<i>" not in html
            if each.rows and not each.files_only:
                shape = [len(fields) for fields in fields_of(html)]
                assert shape == [len(each.columns)] * (len(each.rows) + 1), each.name

    def test_csv_and_parquet_agree(self, tables: list[Table]) -> None:
        for each in tables:
            text = pd.read_csv(io.StringIO(to_csv(each)), low_memory=False)
            typed = pd.read_parquet(io.BytesIO(to_parquet(each)))
            assert list(text.columns) == list(typed.columns)
            for name in typed.select_dtypes("number"):
                pd.testing.assert_series_equal(
                    text[name].astype(float), typed[name].astype(float), rtol=1e-5, atol=1e-9
                )

    def test_names_keys_and_rows_are_sound(self, tables: list[Table]) -> None:
        assert len({each.name for each in tables}) == len(tables)
        for each in tables:
            header = to_csv(each).partition("\n")[0].split(",")
            assert len(set(header)) == len(header), each.name
            assert all(re.fullmatch(r"[a-z0-9_]+", name) for name in header), header
            assert all(len(texts(each, row)) == len(each.columns) for row in each.rows)
            assert len(each.cells) in (0, len(each.rows)), each.name
