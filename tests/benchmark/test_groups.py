import pytest
from pydantic import ValidationError

from rsbench.errors import TargetError
from rsbench.groups import (
    GROUP_NAMES,
    ClassGroups,
    GroupRule,
    by_names,
    by_thirds,
    by_thresholds,
)

NAMES = ("ant", "bee", "cow", "dog")


class TestClassGroups:
    def test_gives_each_group_by_name(self) -> None:
        groups = ClassGroups((0,), (1, 2), (3,))
        assert [groups.of(name) for name in GROUP_NAMES] == [(0,), (1, 2), (3,)]

    def test_an_empty_group_is_allowed(self) -> None:
        ClassGroups((0, 1), (), (2,)).check(3)

    @pytest.mark.parametrize(
        "groups",
        [
            ClassGroups((0,), (1,), ()),
            ClassGroups((0, 1), (1,), (2,)),
            ClassGroups((0,), (1,), (2, 3)),
            ClassGroups((), (), ()),
        ],
    )
    def test_anything_but_a_partition_is_refused(self, groups: ClassGroups) -> None:
        with pytest.raises(TargetError, match="each of the 3 classes once"):
            groups.check(3)


class TestByNames:
    def test_finds_the_indices(self) -> None:
        groups = by_names(NAMES, head=["dog", "ant"], medium=["cow"], tail=["bee"])
        assert groups == ClassGroups((0, 3), (2,), (1,))

    def test_an_unknown_class_is_named(self) -> None:
        with pytest.raises(TargetError, match="do not exist: eel") as error:
            by_names(NAMES, head=["eel"], medium=[], tail=NAMES)
        assert "ant, bee, cow, dog" in error.value.remedy

    def test_a_class_left_out_or_listed_twice(self) -> None:
        with pytest.raises(TargetError, match="each of the 4 classes once"):
            by_names(NAMES, head=["ant"], medium=["bee"], tail=["cow"])
        with pytest.raises(TargetError, match="each of the 4 classes once"):
            by_names(NAMES, head=NAMES, medium=["bee"], tail=[])


class TestByThresholds:
    def test_limits_belong_to_medium(self) -> None:
        """Paper, section 4.3: many > 100, few < 20."""
        groups = by_thresholds([101, 100, 20, 19])
        assert groups == ClassGroups((0,), (1, 2), (3,))

    def test_limits_may_be_others(self) -> None:
        assert by_thresholds([5, 4, 1], many=4, few=2) == ClassGroups((0,), (1,), (2,))


class TestByThirds:
    def test_by_rank_not_by_index(self) -> None:
        assert by_thirds([3, 9, 1, 5, 7, 2]) == ClassGroups((1, 4), (0, 3), (2, 5))

    @pytest.mark.parametrize(
        ("classes", "sizes"),
        [(1, (0, 1, 0)), (2, (0, 2, 0)), (3, (1, 1, 1)), (4, (1, 2, 1)), (10, (3, 4, 3)),
         (11, (3, 5, 3)), (30, (10, 10, 10))],
    )  # fmt: skip
    def test_the_rest_is_medium(self, classes: int, sizes: tuple[int, int, int]) -> None:
        groups = by_thirds(list(range(classes)))
        assert tuple(len(groups.of(name)) for name in GROUP_NAMES) == sizes
        groups.check(classes)

    def test_ties_go_to_the_lower_index(self) -> None:
        assert by_thirds([5, 5, 5]) == ClassGroups((0,), (1,), (2,))


class TestGroupRule:
    def test_thirds_by_default(self) -> None:
        assert GroupRule().apply(NAMES[:3], [1, 2, 3]) == ClassGroups((2,), (1,), (0,))

    def test_thresholds(self) -> None:
        rule = GroupRule(rule="thresholds", many=2, few=2)
        assert rule.apply(NAMES[:3], [1, 2, 3]) == ClassGroups((2,), (1,), (0,))

    def test_lists(self) -> None:
        rule = GroupRule(rule="lists", head=("bee",), tail=("ant", "cow"))
        assert rule.apply(NAMES[:3], [1, 2, 3]) == ClassGroups((1,), (), (0, 2))

    @pytest.mark.parametrize("wrong", [{"rule": "halves"}, {"many": -1}, {"heads": ["ant"]}])
    def test_wrong_options(self, wrong: dict[str, object]) -> None:
        with pytest.raises(ValidationError):
            GroupRule.model_validate(wrong)
