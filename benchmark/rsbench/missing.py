"""One table of what a matrix needs and this machine does not have, with what to type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.errors import NotPreparedError, RsbenchError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rsbench.sources import Problem


def check_problems(problems: Sequence[Problem]) -> None:
    """Raise all problems together, before any work starts.

    Raises:
        NotPreparedError: everything that stands in the way is only not here yet; the message
            is one table with the command for each item.
        RsbenchError: the only problem as it is, or one error that lists several.
    """
    missing = [problem for problem in problems if problem.missing]
    others = [problem for problem in problems if not problem.missing]
    if missing and not others:
        raise NotPreparedError(
            f"the matrix needs what is not on this machine:\n\n{missing_table(missing)}\n",
            remedy="get each of them, mend paths that are wrong, or add --available to train what "
            "can be trained now",
        )
    if len(problems) == 1:
        raise problems[0].error
    if problems:
        listed = [str(problem.error) for problem in others]
        if missing:
            listed.append(f"not on this machine:\n\n{missing_table(missing)}\n")
        numbered = "\n".join(f"{n}. {each}" for n, each in enumerate(listed, start=1))
        raise RsbenchError(
            f"{len(problems)} inputs of the matrix cannot be used:\n{numbered}",
            remedy="mend each of them, or leave cells out with --only",
        )


def missing_table(missing: Sequence[Problem]) -> str:
    """What is missing, as lines of aligned text: kind, name, and what to do."""
    order = sorted(missing, key=lambda problem: problem.kind != "target")  # data first
    rows = [(problem.kind, problem.name, _what_to_do(problem.error)) for problem in order]
    table = [("missing", "name", "what to do"), *rows]
    widths = [max(len(row[column]) for row in table) for column in (0, 1)]
    lines = [
        f"  {kind:<{widths[0]}}  {name:<{widths[1]}}  {todo}".rstrip() for kind, name, todo in table
    ]
    lines.insert(1, "  " + "  ".join("-" * width for width in (*widths, len("what to do"))))
    return "\n".join(lines)


def _what_to_do(error: RsbenchError) -> str:
    """The command alone where there is one; else everything the error says."""
    if error.command:
        return error.command
    where = f" ({error.where})" if error.where else ""
    remedy = f": {error.remedy}" if error.remedy else ""
    return f"{error.what}{remedy}{where}"
