from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rsbench.errors import TargetError
from rsbench.folders import Folders
from rsbench.groups import ClassGroups
from rsbench.settings import Settings
from rsbench.target import Split, SplitName, Target


def split(*labels: int, prefix: str = "s") -> Split:
    ids = tuple(f"{prefix}{index}" for index in range(len(labels)))
    return Split(ids, np.array(labels, dtype=np.int64))


class Numbers(Target):
    """Sample ``i`` is a picture of one pixel of value ``i``."""

    def __init__(self, **changes: Any) -> None:
        parts: dict[str, Any] = {
            "class_names": ("ant", "bee", "cow"),
            "groups": ClassGroups((0,), (1,), (2,)),
            "train": split(0, 0, 1, 2),
            "test": split(2, 1),
            "content_hash": "0" * 64,
        }
        super().__init__("numbers", **(parts | changes))

    @classmethod
    def open(cls, name: str, options: Settings, folders: Folders) -> Target:
        return cls()

    def read(self, split: SplitName, index: int) -> NDArray[np.uint8]:
        return np.full((1, 1, 3), index, dtype=np.uint8)


def test_a_sound_target() -> None:
    target = Numbers(disclaimer="made up")
    assert target.number_of_classes == 3
    assert len(target.train) == 4
    assert target.samples("train") is target.train
    assert target.samples("test") is target.test
    assert target.train.counts(3).tolist() == [2, 1, 1]
    assert target.train.counts(5).tolist() == [2, 1, 1, 0, 0]
    assert target.disclaimer == "made up"


def test_groups_of_a_balanced_train_are_told_to_mean_nothing() -> None:
    (remark,) = Numbers(train=split(0, 1, 2)).remarks
    assert "every class has 1 training samples" in remark
    assert Numbers().remarks == ()
    one_group = ClassGroups((0, 1, 2), (), ())
    assert Numbers(train=split(0, 1, 2), groups=one_group).remarks == ()


def test_reads_in_bulk_one_after_the_other() -> None:
    assert [int(image[0, 0, 0]) for image in Numbers().read_many("train", range(4))] == [0, 1, 2, 3]
    assert len(list(Numbers().read_many("test", [0, 1]))) == 2


def test_remedies_name_options_that_there_are() -> None:
    class Chosen(Numbers):
        class Options(Settings):
            classes: tuple[str, ...] = ()

    for kind, named in ((Numbers, False), (Chosen, True)):
        with pytest.raises(TargetError, match="without a training sample: cow") as error:
            kind(train=split(0, 1))
        assert ("option 'classes'" in error.value.remedy) is named


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"class_names": ("ant", "bee", "bee")}, "class names occur twice: bee"),
        ({"train": split()}, "the train split is empty"),
        ({"test": split()}, "the test split is empty"),
        ({"train": split(0, 1, 2, 3)}, "1 train labels lie outside .* 3 of sample 's3'"),
        ({"test": split(0, -1, 5)}, "2 test labels lie outside .* -1 of sample 's1'"),
        ({"train": split(0, 1, 1)}, "classes without a training sample: cow"),
        ({"train": split(1, 1)}, "classes without a training sample: ant, cow"),
        ({"train": Split(("a", "b", "b"), np.arange(3))}, "1 train sample ids occur twice, 'b'"),
        ({"test": Split(("a", "b"), np.arange(3))}, "test has 2 ids and 3 labels"),
        ({"groups": ClassGroups((0,), (1,), ())}, "each of the 3 classes once"),
    ],
)
def test_an_inconsistent_index_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(TargetError, match=message):
        Numbers(**changes)


def test_the_location_is_named(tmp_path: Path) -> None:
    with pytest.raises(TargetError) as error:
        Numbers(train=split(), location=tmp_path / "list.csv")
    assert error.value.where == str(tmp_path / "list.csv")


def test_a_class_without_test_sample_is_allowed() -> None:
    assert Numbers(test=split(0)).test.counts(3).tolist() == [1, 0, 0]


def test_nothing_to_prepare_unless_a_plugin_says_so(tmp_path: Path) -> None:
    assert not Numbers.prepares_itself
    with pytest.raises(TargetError, match="there is nothing to prepare"):
        Numbers.prepare(Settings(), Folders(data=tmp_path))
