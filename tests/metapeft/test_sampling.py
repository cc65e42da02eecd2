"""D_val: how it is drawn, what is left to the inner steps, and its audit (checks 15, 9.1, 9.11)."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

import numpy as np
import pytest
from bilevel import RECIPE, metapeft, reads_of, train, watch_reads
from numpy.typing import NDArray
from tiny import long_tailed_labels, make_context

from rsbench.errors import SettingsError
from rsbench.heldout import split_train
from rsbench.settings import Recipe
from rsbench_metapeft.sampling import draw_validation, validation_size


def test_check_15_validation_draws() -> None:
    train_indices = np.arange(100, 353)
    labels = np.repeat([0, 1, 2], [200, 130, 23])
    for stratified in (False, True):
        size = validation_size(len(train_indices), 0.2)
        draws = [
            draw_validation(train_indices, labels, size, stratified, np.random.default_rng(seed))
            for seed in (0, 0, 1)
        ]
        assert [len(each) for each in draws] == [round(0.2 * 253)] * 3
        assert all(len(np.unique(each)) == len(each) for each in draws)
        assert all(np.isin(each, train_indices).all() for each in draws)
        np.testing.assert_array_equal(draws[0], draws[1])
        assert not np.array_equal(draws[0], draws[2])


def test_stratified_draws_give_every_class_its_share() -> None:
    labels = np.repeat(np.arange(5), [300, 100, 37, 12, 6])
    train_indices, size = np.arange(len(labels)), validation_size(len(labels), 0.2)
    counts = np.stack([
        np.bincount(labels[draw_validation(train_indices, labels, size, True,
                                           np.random.default_rng(seed))], minlength=5)
        for seed in range(200)
    ])  # fmt: skip
    expected = 0.2 * np.bincount(labels)
    assert (np.abs(counts - expected) < 1.0 + 1e-6).all()
    np.testing.assert_allclose(counts.mean(axis=0), expected, atol=0.12)


def test_check_15_loops_differ_are_audited_and_reproducible() -> None:
    audits = []
    for _ in range(2):
        context = make_context(RECIPE, rank=2)
        _, result, _ = train(context, metapeft())
        audits.append(result.summary["validation_audit"])
    loops = audits[0]["loops"]
    assert audits[0] == audits[1]
    assert len(loops) == 3
    assert len({loop["hash"] for loop in loops}) == 3
    assert all(loop["samples"] == round(0.2 * 21) for loop in loops)
    assert all(loop["head"] + loop["medium"] + loop["tail"] == 4 for loop in loops)
    _, fixed, _ = train(make_context(RECIPE, rank=2), metapeft(val_source="fixed"))
    assert len({loop["hash"] for loop in fixed.summary["validation_audit"]["loops"]}) == 1


def split_in_loops(indices: list[NDArray[np.int64]], per_loop: int) -> list[NDArray[np.int64]]:
    return [
        np.concatenate(indices[start : start + per_loop])
        for start in range(0, len(indices), per_loop)
    ]


@pytest.mark.parametrize("sampling", ["plain", "stratified"])
def test_without_overlap_an_epoch_leaves_its_validation_set_out(sampling: str) -> None:
    context = make_context(RECIPE, rank=2)
    reads = watch_reads(context)
    train(context, metapeft(overlap=False, sampling=sampling))
    inner = split_in_loops(reads_of(reads, "augmentation"), 5)
    outer = reads_of(reads, "outer augmentation")
    assert len(inner) == len(outer) == 3
    for left, drawn in zip(inner, outer, strict=True):
        assert len(left) == 21 - 4
        assert len(drawn) == 4
        np.testing.assert_array_equal(np.union1d(left, drawn), np.arange(21))


def test_without_overlap_a_fixed_validation_set_is_left_out_of_the_whole_training() -> None:
    for outer_loop in ("epoch", 3):
        context = make_context(RECIPE, rank=2)
        reads = watch_reads(context)
        options: dict[str, Any] = {"val_source": "fixed", "outer_loop": outer_loop}
        train(context, metapeft(overlap=False, **options))
        inner = np.unique(np.concatenate(reads_of(reads, "augmentation")))
        outer = np.unique(np.concatenate(reads_of(reads, "outer augmentation")))
        assert len(inner) == 17
        np.testing.assert_array_equal(np.union1d(inner, outer), np.arange(21))


@pytest.mark.parametrize("sampling", ["plain", "stratified"])
@pytest.mark.parametrize("outer_loop", [2, 4])
def test_without_overlap_short_loops_draw_what_their_inner_steps_do_not_read(
    outer_loop: int, sampling: str
) -> None:
    """6 steps per epoch: loops of 4 steps reach from one epoch into the next."""
    context = make_context(RECIPE, rank=2, counts=(13, 7, 4))
    reads = watch_reads(context)
    options: dict[str, Any] = {"ratio": 0.15, "sampling": sampling, "outer_loop": outer_loop}
    _, result, _ = train(context, metapeft(overlap=False, **options))
    inner = split_in_loops(reads_of(reads, "augmentation"), outer_loop)
    outer = reads_of(reads, "outer augmentation")
    assert len(inner) == result.summary["outer_loops"] == -(-18 // outer_loop)
    for number, drawn in enumerate(outer):
        assert len(drawn) == 4
        assert not np.isin(drawn, inner[number]).any()
    # every epoch costs what the plain method's does
    assert len(np.unique(np.concatenate(inner))) == 24


def test_a_loop_that_leaves_too_few_samples_is_refused() -> None:
    context = make_context(RECIPE, rank=2)
    metapeft(overlap=False, outer_loop=4).begin(context)  # 16 read, 5 left, 4 needed
    with pytest.raises(SettingsError, match=r"5 inner steps read 20 of the 21 .* leave 1, .* 4"):
        metapeft(overlap=False, outer_loop=5).begin(context)
    with pytest.raises(SettingsError, match="leave 0"):
        metapeft(overlap=False, outer_loop=50).begin(context)


@pytest.mark.parametrize("options", [{}, {"overlap": False}, {"outer_loop": 2, "overlap": False}])
def test_only_samples_that_may_be_trained_on_can_enter_a_validation_set(
    options: dict[str, Any],
) -> None:
    """The held-out slice is neither trained on nor drawn, however large D_val is."""
    counts = (40, 25, 12)
    recipe = RECIPE.model_copy(update={"evaluate_on": "validation", "epochs": 2})
    split = split_train(long_tailed_labels(counts), recipe)
    assert len(split.heldout) > 0
    context = make_context(recipe, rank=2, counts=counts)
    context = dataclasses.replace(context, train=split.train)
    reads = watch_reads(context)
    train(context, metapeft(ratio=0.85, outer_loop=options.pop("outer_loop", "epoch"), **options))
    seen = np.unique(np.concatenate([indices for _, indices, _ in reads]))
    np.testing.assert_array_equal(seen, split.train)


def test_no_test_image_is_read_while_a_cell_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a strategy can read is the train split: its indices end where train ends."""
    context = make_context(RECIPE, rank=2)
    sources: set[int] = set()
    original = type(context.reader).train

    def spy(reader: Any, indices: NDArray[np.int64], rng: np.random.Generator) -> Any:
        sources.add(id(reader))
        assert 0 <= indices.min() <= indices.max() < len(context.labels)
        return original(reader, indices, rng)

    def refuse(*_: Any) -> None:
        raise AssertionError("a test view was read in training")

    monkeypatch.setattr(type(context.reader), "train", spy)
    monkeypatch.setattr(type(context.reader), "test", refuse)
    train(context, metapeft())
    assert sources == {id(context.reader)}


def test_the_audit_counts_what_was_drawn() -> None:
    context = make_context(RECIPE, rank=2, counts=(30, 14, 6))
    reads = watch_reads(context)
    recipe: Recipe = context.recipe
    _, result, _ = train(context, metapeft(sampling="stratified"))
    audit = result.summary["validation_audit"]
    drawn = split_in_loops(reads_of(reads, "outer augmentation"), -(-10 // recipe.batch_size))
    counts = np.stack([np.bincount(context.labels[each], minlength=3) for each in drawn])
    for loop, indices, number in zip(audit["loops"], drawn, counts, strict=True):
        assert loop["hash"] == hashlib.sha256(np.sort(indices).tobytes()).hexdigest()[:16]
        assert [loop["head"], loop["medium"], loop["tail"]] == number.tolist()
    assert audit["per_class"]["minimum"] == counts.min(axis=0).tolist()
    assert audit["per_class"]["maximum"] == counts.max(axis=0).tolist()
    assert audit["per_class"]["mean"] == pytest.approx(counts.mean(axis=0), abs=1e-3)
