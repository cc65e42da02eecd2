"""Errors of options are told in our words, not in the validation library's."""

from typing import Any, Literal

import pytest
from pydantic import Field, model_validator

from rsbench.errors import SettingsError
from rsbench.settings import PluginChoice, Settings
from rsbench.sources import checked_options


class Inner(Settings):
    rule: Literal["thirds", "counts"] = "thirds"


class Options(Settings):
    file: str
    classes: tuple[str, ...] | None = None
    rank: int = Field(default=1, ge=1)
    flag: bool = False
    groups: Inner | dict[str, list[str]] = Inner()
    blocks: str | tuple[int, ...] = "all"

    @model_validator(mode="after")
    def _one_of_two(self) -> "Options":
        if self.flag and self.classes:
            raise ValueError("give either flag or classes")
        return self


@pytest.mark.parametrize(
    ("options", "what", "remedy"),
    [
        ({}, "mine: the option 'file' is required and missing", "options of kind: file, classes"),
        (
            {"classes": "ship,harbor"},
            "option 'classes': must be a list, but is 'ship,harbor'",
            "write [ship, harbor]; options of kind",
        ),
        ({"clases": []}, "mine: there is no option 'clases'", "did you mean 'classes'? options of"),
        ({"flag": True, "classes": ["a"]}, "mine: give either flag or classes", "options of kind"),
        ({"rank": "two"}, "option 'rank': must be a whole number, but is 'two'", ""),
        ({"rank": 0}, "option 'rank': should be greater than or equal to 1, but is 0", ""),
        ({"flag": "perhaps"}, "option 'flag': must be true or false, but is 'perhaps'", ""),
        ({"file": 3}, "option 'file': must be text, but is 3", "write it in quotes"),
        ({"groups": {"rule": "third"}}, "option 'groups.rule': must be 'thirds'", "'thirds'"),
        ({"blocks": [1, "x"]}, "option 'blocks': ", ""),
    ],
)
def test_what_is_wrong_with_an_option(options: dict[str, Any], what: str, remedy: str) -> None:
    given = options if not options else {"file": "a.csv", **options}
    with pytest.raises(SettingsError) as caught:
        checked_options(Options, PluginChoice(name="mine", kind="kind", options=given))
    assert what in caught.value.what
    assert remedy in caught.value.remedy
    for raw in ("Field required", "Extra inputs", "Input should", "Value error", "valid tuple"):
        assert raw not in str(caught.value)
