"""Options of DOTA and of the demo world's aerial scenes, as a matrix states them."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import field_validator

from rsbench.settings import Settings
from rsbench.target import OnBadImage
from rsbench_datasets.dota.versions import V1_0, V1_5, V2_0, DotaVersion


class CropOptions(Settings):
    """Which objects count, whether from DOTA or from the demo world."""

    version: ClassVar[DotaVersion] = V1_0
    """The version whose classes there are."""
    difficult: Literal["include", "exclude"] = "include"
    """Whether objects that the annotators marked as difficult count."""
    classes: tuple[str, ...] | None = None
    """A subset of the classes; labels follow DOTA's order whatever the order here. Each class
    stays in the head, medium or tail group that it has among all classes; a remark names the
    groups that are left without a class."""
    on_bad_image: OnBadImage = "error"
    """A scene that does not decode stops the run (``error``), or its crops are left out, counted
    and recorded (``skip``)."""

    @field_validator("classes")
    @classmethod
    def _known(cls, classes: tuple[str, ...] | None) -> tuple[str, ...] | None:
        unknown = [name for name in classes or () if name not in cls.version.classes]
        if unknown:
            raise ValueError(
                f"no classes of {cls.version.name}: {', '.join(unknown)}; "
                f"they are: {', '.join(cls.version.classes)}"
            )
        if classes is not None and len(set(classes)) != len(classes):
            raise ValueError("a class is listed twice")
        if classes is not None and not classes:
            raise ValueError("the list is empty; leave it out for all classes")
        return classes

    def chosen_classes(self) -> tuple[str, ...]:
        """The classes in use, in label order."""
        classes = self.version.classes
        if self.classes is None:
            return classes
        return tuple(name for name in classes if name in self.classes)


class DotaOptions(CropOptions):
    """Options of DOTA, as a matrix states them."""

    root: str | None = None
    """Prepared folder; by default ``dota`` in the data folder, for every version."""


class Dota15Options(DotaOptions):
    """Options of DOTA-v1.5, as a matrix states them."""

    version: ClassVar[DotaVersion] = V1_5


class Dota20Options(DotaOptions):
    """Options of DOTA-v2.0, as a matrix states them."""

    version: ClassVar[DotaVersion] = V2_0
