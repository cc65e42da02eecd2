"""Tables as CSV, Markdown, LaTeX and parquet; the same table gives the same bytes.

Texts may hold anything (names of classes come from data sets): each writer makes them harmless.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from rsbench.report.artefacts import EMPTY, Column, Measure, Table, Value
from rsbench.spreadsheet import csv_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Decimals of numbers in CSV files.
FILE_DIGITS = 6
_PARTS = {"mean": "mean", "std": "deviation", "low": "low", "high": "high"}
_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "±": r"$\pm$",
        "–": "--",  # noqa: RUF001 - an en dash is meant
        "×": r"$\times$",  # noqa: RUF001 - a multiplication sign is meant
        "γ": r"$\gamma$",  # noqa: RUF001 - the Greek letter is meant
        "≤": r"$\leq$",
        "≥": r"$\geq$",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        "→": r"$\rightarrow$",
        "−": r"$-$",  # noqa: RUF001 - a minus sign is meant
        "…": r"\ldots{}",
        # at the start of a line, these two would be read as its arguments
        "[": "{[}",
        "*": "{*}",
    }
)
#: What Markdown would take for HTML, an entity, emphasis, code or a link.
_MARKDOWN = re.compile(
    r"[\\`*|]|<(?=[A-Za-z/!?])|&(?=#?\w+;)|(?<![^\W_])_|_(?![^\W_])|\[(?=[^\]]*\]\()"
)
_MARKDOWN_ENTITIES = {"<": "&lt;", "&": "&amp;"}


def to_csv(table: Table) -> str:
    """Plain numbers, one column each; what is undefined is empty."""
    names, columns = zip(*_file_columns(table), strict=True)
    rows = ([_csv_text(value) for value in row] for row in zip(*columns, strict=True))
    return csv_text([names, *rows])


def to_parquet(table: Table) -> bytes:
    """The same columns as in the CSV file, with types and full precision.

    A column without any value is one of numbers: a text that is not there is "", never None.
    """
    import pyarrow
    import pyarrow.parquet

    columns = {
        name: pyarrow.array(_typed(values), None if _known(values) else pyarrow.float64())
        for name, values in _file_columns(table)
    }
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.table(columns), sink)
    return bytes(sink.getvalue().to_pybytes())


def to_markdown(table: Table, heading: str = "#") -> str:
    """A heading, the table (of one in files alone: where they are), and its notes."""
    titles = [f"{each.group} {each.title}".strip() for each in table.columns]
    lines = [f"{heading} {escape_markdown(table.title)}", ""]
    if not table.rows:
        lines.append("No rows.")
    elif table.files_only:
        lines.append(pointer(table))
    else:
        lines.append(markdown_row(titles))
        lines.append("| " + " | ".join("---" for _ in titles) + " |")
        lines += [markdown_row(texts(table, row)) for row in table.rows]
    for note in table.notes:
        lines += ["", _harmless(_one_line(note))]
    return "\n".join(lines) + "\n"


def pointer(table: Table) -> str:
    """Where to find a table that is too long to read."""
    files = f"{table.name}.csv and {table.name}.parquet"
    return f"{len(table.rows):,} rows: {files} in the folder tables."


def markdown_row(fields: Sequence[str]) -> str:
    """One line of a Markdown table."""
    return "| " + " | ".join(escape_markdown(field) for field in fields) + " |"


def escape_markdown(text: str) -> str:
    """``text`` on one line, with what Markdown would take for markup or HTML made harmless."""
    return _MARKDOWN.sub(
        lambda found: _MARKDOWN_ENTITIES.get(found[0], f"\\{found[0]}"), _one_line(text)
    )


def _harmless(note: str) -> str:
    """A note keeps its own markup, but no HTML: names from data occur in notes, too."""
    note = re.sub(r"&(?=#?\w+;)", "&amp;", note)
    return re.sub(r"<(?=[A-Za-z/!?])", "&lt;", note)


def _one_line(text: str) -> str:
    """Line breaks and other control characters as spaces."""
    if text.isprintable():
        return text
    breaks = ("Cc", "Zl", "Zp")
    return "".join(" " if unicodedata.category(each) in breaks else each for each in text)


def to_latex(table: Table) -> str:
    """A ``tabular`` in booktabs style with the notes as comments above it."""
    lines = [f"% {_one_line(table.title)}", r"% needs \usepackage{booktabs}"]
    lines += [f"% {_one_line(note)}" for note in table.notes]
    lines += [r"\begin{tabular}{" + "".join(_alignments(table)) + "}", r"\toprule"]
    lines += _latex_groups(table.columns)
    lines.append(" & ".join(escape_latex(each.title) for each in table.columns) + r" \\")
    lines.append(r"\midrule")
    for row in table.rows:
        lines.append(" & ".join(escape_latex(each) for each in texts(table, row)) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def escape_latex(text: str) -> str:
    """``text`` on one line, with LaTeX's special characters made harmless.

    Letters that are in no Latin alphabet stay as they are: they need XeLaTeX or LuaLaTeX.
    """
    return _one_line(text).translate(_LATEX)


def texts(table: Table, row: Sequence[Value]) -> list[str]:
    """The fields of a row as readers see them."""
    return [shown(value, column) for value, column in zip(row, table.columns, strict=True)]


def shown(value: Value, column: Column) -> str:
    """One value as readers see it."""
    if isinstance(value, Measure):
        return _measure(value, column)
    if value is None:
        return EMPTY
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:+,}" if column.signed else f"{value:,}"
    return _number(value, column) if isinstance(value, float) else value


def _measure(value: Measure, column: Column) -> str:
    if value.mean is None:
        return EMPTY
    text = _number(value.mean, column)
    if value.deviation is not None and "std" in column.parts:
        text += f" ± {value.deviation:.{column.digits}f}"
    if value.low is not None and value.high is not None and "low" in column.parts:
        low, high = (_number(each, column) for each in (value.low, value.high))
        text += f" [{low}, {high}]"
    return text


def _number(value: float, column: Column) -> str:
    text = f"{value:+.{column.digits}f}" if column.signed else f"{value:,.{column.digits}f}"
    zero = not any(character in "123456789" for character in text)
    return text.lstrip("+-") if zero else text  # no "-0.0"


def _file_columns(table: Table) -> Iterator[tuple[str, list[Value]]]:
    for number, column in enumerate(table.columns):
        values = [row[number] for row in table.rows]
        if not column.parts:
            yield column.key, values
        for part in column.parts:
            name = f"{column.key}_{part}"
            yield name, [_part(value, part) for value in values]


def _part(value: Value, part: str) -> float | None:
    number = getattr(value, _PARTS[part]) if isinstance(value, Measure) else None
    return None if number is None else float(number)


def _csv_text(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.{FILE_DIGITS}g}"
    return str(value)


def _typed(values: Sequence[Value]) -> list[Value]:
    """Values of one type: whole numbers beside fractions become fractions."""
    mixed = any(isinstance(each, float) for each in values)
    return [float(v) if mixed and isinstance(v, int) else v for v in values]


def _known(values: Sequence[Value]) -> bool:
    return any(each is not None for each in values)


def _alignments(table: Table) -> list[str]:
    textual = [
        all(isinstance(row[number], str) or row[number] is None for row in table.rows)
        for number in range(len(table.columns))
    ]
    return ["l" if each else "r" for each in textual]


def _latex_groups(columns: Sequence[Column]) -> list[str]:
    """The line of group headings with its rules, where there are groups."""
    if not any(column.group for column in columns):
        return []
    fields, rules, position = [], [], 1
    while position <= len(columns):
        group, width = columns[position - 1].group, 1
        while position + width <= len(columns) and columns[position + width - 1].group == group:
            width += 1
        if group:
            fields.append(rf"\multicolumn{{{width}}}{{c}}{{{escape_latex(group)}}}")
            rules.append(rf"\cmidrule(lr){{{position}-{position + width - 1}}}")
        else:
            fields += [""] * width
        position += width
    return [" & ".join(fields) + r" \\", " ".join(rules)]
