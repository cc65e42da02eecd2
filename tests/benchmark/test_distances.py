"""Inter-class distances: paper check 22, brute force over pairs of images, what is undefined."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rsbench.distances import (
    DEFAULT,
    FORMS,
    VARIANTS,
    Form,
    Variant,
    class_distances,
    class_spreads,
    class_vectors,
    distance_matrix,
    mean_distances,
)
from rsbench.training.artefacts import class_statistics

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

GROUPS = ((0, 1), (2,), (3, 4))
COUNTS = (7, 5, 4, 3, 2)


def unit(rows: Floats) -> Floats:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def images(seed: int = 0, width: int = 6) -> list[Floats]:
    """Unit features of five classes, some tight and some wide."""
    draw = np.random.default_rng(seed)
    return [
        unit(draw.normal(size=width) + spread * draw.normal(size=(number, width)))
        for number, spread in zip(COUNTS, (0.1, 0.4, 0.8, 1.2, 0.3), strict=True)
    ]


def means(features: list[Floats]) -> Floats:
    return np.stack([each.mean(axis=0) for each in features])


def rotation(width: int) -> Floats:
    return np.linalg.qr(np.random.default_rng(3).normal(size=(width, width)))[0]


@pytest.mark.parametrize("form", FORMS)
class TestCheck22:
    """Paper section 7, check 22, for centroids and for pairs of images."""

    def test_zero_for_identical_centroids(self, form: Form) -> None:
        centroids = np.array([[0.6, 0.8], [0.6, 0.8]])
        assert distance_matrix(class_vectors(centroids, form))[0, 1] == pytest.approx(0, abs=1e-12)

    def test_one_for_orthogonal_centroids(self, form: Form) -> None:
        centroids = np.array([[0.5, 0.0], [0.0, 0.9]])
        assert distance_matrix(class_vectors(centroids, form))[0, 1] == pytest.approx(1.0)

    @pytest.mark.parametrize("centred", [False, True])
    def test_symmetric(self, form: Form, centred: bool) -> None:
        matrix = distance_matrix(class_vectors(means(images()), form, centred))
        assert np.array_equal(matrix, matrix.T)
        assert np.array_equal(np.diag(matrix), np.zeros(5))

    @pytest.mark.parametrize("centred", [False, True])
    def test_invariant_to_rotation(self, form: Form, centred: bool) -> None:
        features = images()
        turned = means([each @ rotation(6) for each in features])
        for variant in (v for v in VARIANTS if v.form == form and v.centred == centred):
            plain = class_distances(range(5), means(features), COUNTS, GROUPS, variant)
            other = class_distances(range(5), turned, COUNTS, GROUPS, variant)
            known = [each for each in plain.distance if each is not None]
            assert other.distance == pytest.approx(plain.distance)
            assert other.spread == pytest.approx(plain.spread)
            assert known

    def test_invariant_to_the_scale_of_features(self, form: Form) -> None:
        """Features are as networks give them; training normalises each before averaging."""
        raw = np.concatenate(images()).astype(np.float32)
        labels = np.repeat(np.arange(5), COUNTS)
        scales = np.geomspace(0.01, 100.0, len(raw), dtype=np.float32)[:, None]
        plain, _ = class_statistics(raw, labels)
        scaled, _ = class_statistics(raw * scales, labels)
        expected = distance_matrix(class_vectors(plain, form))
        assert distance_matrix(class_vectors(scaled, form)) == pytest.approx(expected, abs=1e-5)


class TestBruteForce:
    @pytest.mark.parametrize("centred", [False, True])
    def test_pairs_of_two_classes(self, centred: bool) -> None:
        features = images()
        origin = means(features).mean(axis=0) if centred else np.zeros(6)
        moved = [each - origin for each in features]
        matrix = distance_matrix(class_vectors(means(features), "pairs", centred))
        for a, b in itertools.combinations(range(5), 2):
            lengths = [np.sqrt(np.mean(np.sum(moved[c] ** 2, axis=1))) for c in (a, b)]
            inner = np.mean([x @ y for x in moved[a] for y in moved[b]])
            assert matrix[a, b] == pytest.approx(1.0 - inner / (lengths[0] * lengths[1]))

    def test_pairs_are_mean_cosines_where_the_origin_is_zero(self) -> None:
        features = images()
        cosines = [x @ y for x in features[0] for y in features[3]]  # of length 1
        matrix = distance_matrix(class_vectors(means(features), "pairs"))
        assert matrix[0, 3] == pytest.approx(1.0 - np.mean(cosines))

    @pytest.mark.parametrize("centred", [False, True])
    def test_pairs_within_a_class(self, centred: bool) -> None:
        features = images()
        origin = means(features).mean(axis=0) if centred else np.zeros(6)
        spreads = class_spreads(means(features), COUNTS, "pairs", centred)
        for number, each in enumerate(features):
            moved = each - origin
            inner = np.mean([x @ y for x, y in itertools.permutations(moved, 2)])
            square = np.mean(np.sum(moved**2, axis=1))
            assert spreads[number] == pytest.approx(1.0 - inner / square)

    def test_spread_around_the_centroid_is_the_one_that_training_stores(self) -> None:
        features = np.concatenate(images()).astype(np.float32)
        centroids, stored = class_statistics(features, np.repeat(np.arange(5), COUNTS))
        assert class_spreads(centroids, COUNTS, "centroids") == pytest.approx(stored, abs=1e-6)

    @pytest.mark.parametrize("variant", VARIANTS)
    def test_means_per_class_and_group(self, variant: Variant) -> None:
        centroids = means(images())
        matrix = distance_matrix(class_vectors(centroids, variant.form, variant.centred))
        group_of = {each: group for group in GROUPS for each in group}
        per_class: list[float | None] = []
        for each in range(5):
            pool = range(5) if variant.others == "all" else group_of[each]
            listed = [matrix[each, other] for other in pool if other != each]
            per_class.append(float(np.mean(listed)) if listed else None)
        found = class_distances(range(5), centroids, COUNTS, GROUPS, variant)
        for value, expected in zip(found.distance, per_class, strict=True):
            assert value == (None if expected is None else pytest.approx(expected))
        tail = [value for value in per_class[3:] if value is not None]
        assert found.over(GROUPS[2]).distance == pytest.approx(np.mean(tail))
        everything = [value for value in per_class if value is not None]
        assert found.over().distance == pytest.approx(np.mean(everything))

    def test_many_images_of_one_class_are_further_apart_than_from_their_centroid(self) -> None:
        """For many images the spread s around the centroid gives 1 - (1 - s)^2 over pairs."""
        centroids = np.array([[0.5, 0.0], [0.0, 1.0]])
        (around, _) = class_spreads(centroids, (10**9, 2), "centroids")
        (pairs, _) = class_spreads(centroids, (10**9, 2), "pairs")
        assert pairs == pytest.approx(1 - (1 - around) ** 2)


class TestVariants:
    def test_the_default_is_the_papers_working_definition(self) -> None:
        assert Variant("centroids", "all", centred=False) == DEFAULT == VARIANTS[0]
        assert len(set(VARIANTS)) == len(VARIANTS) == 8

    def test_centred_distances_of_centroids_of_like_length_are_fixed_by_their_number(self) -> None:
        """So that this variant's overall mean says next to nothing: C / (C - 1)."""
        corners = np.eye(4) + 0.3
        found = class_distances(range(4), corners, [9] * 4, (), Variant(centred=True))
        assert found.over().distance == pytest.approx(4 / 3)

    def test_a_shift_common_to_all_classes_matters_only_without_centring(self) -> None:
        centroids = means(images()) * 0.5
        shifted = centroids + 0.2
        for centred, same in ((True, True), (False, False)):
            first = mean_distances(class_vectors(centroids, "centroids", centred))
            second = mean_distances(class_vectors(shifted, "centroids", centred))
            assert np.allclose(first, second) is same

    def test_ratio_is_distance_over_spread(self) -> None:
        found = class_distances(range(5), means(images()), COUNTS, GROUPS)
        first, spread = found.distance[0], found.spread[0]
        assert first is not None
        assert spread is not None
        assert found.ratio[0] == pytest.approx(first / spread)
        group = found.over((0, 1))
        assert group.distance is not None
        assert group.spread is not None
        assert group.ratio == pytest.approx(group.distance / group.spread)


@pytest.mark.parametrize("variant", VARIANTS)
class TestUndefined:
    def test_one_class(self, variant: Variant) -> None:
        found = class_distances([2], [[0.0, 0.9]], [4], GROUPS, variant)
        assert found.distance == (None,)
        assert found.over((2,)).ratio is None

    def test_one_image_in_a_class_has_no_spread(self, variant: Variant) -> None:
        centroids = np.array([[1.0, 0.0, 0.0], [0.0, 0.8, 0.1], [0.2, 0.1, 0.7]])
        found = class_distances(range(3), centroids, (1, 5, 5), ((0, 1, 2),), variant)
        assert found.spread[0] is None
        assert found.ratio[0] is None
        assert found.spread[1] is not None
        assert found.distance[0] is not None
        spreads = [each for each in found.spread if each is not None]
        assert found.over().spread == pytest.approx(np.mean(spreads))

    def test_empty_group(self, variant: Variant) -> None:
        found = class_distances(range(5), means(images()), COUNTS, GROUPS, variant)
        empty = found.over(())
        assert (empty.distance, empty.spread, empty.ratio) == (None, None, None)

    def test_classes_without_images_are_left_out(self, variant: Variant) -> None:
        """Classes 1 and 4 were not tested."""
        centroids = means(images())[[0, 2, 3]]
        found = class_distances([0, 2, 3], centroids, (7, 4, 3), GROUPS, variant)
        assert found.classes == (0, 2, 3)
        alone = [value for value in found.distance if value is None]
        assert len(alone) == (3 if variant.others == "group" else 0)

    def test_zero_centroid_is_none_and_never_not_a_number(self, variant: Variant) -> None:
        centroids = np.array([[0.0, 0.0], [0.9, 0.1], [0.1, 0.8], [0.5, 0.5]])
        found = class_distances(range(4), centroids, [3] * 4, ((0, 1), (2, 3)), variant)
        values = [*found.distance, *found.spread, *found.ratio]
        assert all(value is None or np.isfinite(value) for value in values)
        if variant.form == "centroids" and not variant.centred:
            assert (found.distance[0], found.spread[0]) == (None, None)
            assert (found.distance[1] is None) == (variant.others == "group")

    def test_no_class(self, variant: Variant) -> None:
        found = class_distances([], np.zeros((0, 3)), [], GROUPS, variant)
        assert found.over().distance is None
