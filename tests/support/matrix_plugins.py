"""Plugins made up for tests of matrices: nothing is opened, their options are validated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from rsbench.backbone import Backbone
from rsbench.groups import GroupRule
from rsbench.method import Method
from rsbench.settings import Settings
from rsbench.strategy import Strategy
from rsbench.target import Target


class ListOptions(Settings):
    file: str
    groups: GroupRule = GroupRule()


class LoraOptions(Settings):
    rank: Annotated[int, Field(ge=1)] | Literal["rule"] = 4
    positions: tuple[str, ...] = ("q", "v")
    shapes: dict[str, int] = Field(default_factory=dict)


class MetaOptions(Settings):
    learning_rate: float = 0.01
    ratio: float = 0.2


class DemoTarget(Target):
    pass


class ListTarget(Target):
    Options: ClassVar[type[Settings]] = ListOptions


class DemoBackbone(Backbone):
    pass


class LinearMethod(Method):
    learning_rate: ClassVar[float] = 0.3
    modulates: ClassVar[bool] = False


class LoraMethod(Method):
    Options: ClassVar[type[Settings]] = LoraOptions


class MetaStrategy(Strategy):
    Options: ClassVar[type[Settings]] = MetaOptions


@dataclass(frozen=True)
class Point:
    """Stands for an entry point."""

    found: type
    value: str = "made:up"

    def load(self) -> type:
        return self.found


PLUGINS: dict[str, dict[str, Any]] = {
    "rsbench.datasets": {"air": Point(DemoTarget), "sea": Point(DemoTarget)}
    | {"labelled_list": Point(ListTarget)},
    "rsbench.backbones": {"vit": Point(DemoBackbone), "big": Point(DemoBackbone)},
    "rsbench.methods": {"linear": Point(LinearMethod), "lora": Point(LoraMethod)},
    "rsbench.strategies": {"metapeft": Point(MetaStrategy)},
}
