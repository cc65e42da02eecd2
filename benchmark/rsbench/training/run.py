"""Train and test one cell: from its settings to its record and artefacts."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor

from rsbench import registry
from rsbench.alarms import alarms
from rsbench.batches import BatchReader
from rsbench.cell import Cell, identity
from rsbench.errors import DivergedError, TargetError
from rsbench.folders import Folders
from rsbench.head import (
    CosineClassifier,
    Head,
    class_means,
    feature_statistics,
    mean_cosine,
    random_directions,
    standardised,
)
from rsbench.heldout import TrainSplit, check_split, split_train, usable
from rsbench.losses import LogitAdjustedLoss
from rsbench.method import FittedMethod
from rsbench.metrics import compute_metrics
from rsbench.plan import CellRun, code_of
from rsbench.record import InputView, ParameterCounts, Record, Timing
from rsbench.sources import checked_options, file_reader
from rsbench.strategy import Strategy, StrategyResult
from rsbench.streams import torch_stream
from rsbench.target import SplitName
from rsbench.training import artefacts
from rsbench.training.context import TrainingContext
from rsbench.training.environment import describe_environment
from rsbench.training.evaluate import Outputs, evaluate, forward_all
from rsbench.training.frozen import cached_features
from rsbench.training.inputs import (
    Inputs,
    forget_inputs,
    image_remarks,
    open_inputs,
    train_counts,
)
from rsbench.training.isolation import own_state
from rsbench.training.loop import LOWER_RATE, Loop, LoopResult
from rsbench.training.model import (
    AdaptedModel,
    attach_method,
    count,
    empty_head,
    make_method,
)
from rsbench.training.optimizer import make_optimizer
from rsbench.training.plain import Plain
from rsbench.training.precision import make_fabric, resolve_precision

Report = Callable[[dict[str, Any]], None]

#: Frozen features whose mean pairwise cosine is above this are called nearly parallel.
PARALLEL = 0.95


def run_cell(
    run: CellRun,
    folders: Folders,
    out: Path,
    *,
    device: str,
    threads: int,
    report: Report,
    keep_weights: bool = False,
) -> Record:
    """Train one cell, write its artefacts into ``out``, and return its record.

    Args:
        run: the cell, its id and the fields that were hashed.
        folders: where data and caches lie.
        out: an existing empty folder.
        device: "cpu", "cuda" or "cuda:0".
        threads: torch threads on the CPU.
        report: called with progress messages.
        keep_weights: whether the backbone's own weights are kept where they were trained.

    Raises:
        RsbenchError: an input is missing or does not fit, or training diverged.
    """
    with own_state(run.cell.seed, threads):
        try:
            return _run_cell(run, folders, out, device, threads, report, keep_weights)
        except BaseException:
            forget_inputs()  # the network may be half changed
            raise


def _run_cell(
    run: CellRun,
    folders: Folders,
    out: Path,
    device: str,
    threads: int,
    report: Report,
    keep_weights: bool,
) -> Record:
    started = time.perf_counter()
    report({"phase": "load"})
    inputs = open_unchanged(run, folders)
    trainer = CellTrainer(run.cell, inputs, folders, torch.device(device), report)
    view = _view(run.cell, inputs, trainer.precision)
    environment = describe_environment(trainer.device, trainer.precision, threads)
    try:
        loop, result = trainer.run()
        report({"phase": "test"})
        outputs = trainer.test()
        trainer.write(out, outputs, result, keep_weights)
        parameters = trainer.parameter_counts(result)  # of what is attached: before close
    finally:
        trainer.close()
    classes = inputs.target.number_of_classes
    groups = inputs.target.groups
    metrics = compute_metrics(outputs.labels, outputs.predictions, groups, classes)
    return Record(
        id=run.id,
        status="finished",
        cell=run.cell,
        identity=run.identity,
        class_names=inputs.target.class_names,
        groups={"head": groups.head, "medium": groups.medium, "tail": groups.tail},
        train_counts=tuple(trainer.counts),
        test_counts=tuple(int(n) for n in np.bincount(outputs.labels, minlength=classes)),
        metrics=metrics,
        parameters=parameters,
        timing=trainer.timing(loop, time.perf_counter() - started),
        view=view,
        environment=environment,
        epochs=loop.epochs,
        strategy=result.summary,
        notes=tuple(trainer.notes),
        alarms=alarms(loop.epochs, metrics),
        disclaimers=tuple(
            text
            for text in (
                inputs.target.disclaimer,
                inputs.backbone.info.disclaimer,
                *inputs.target.remarks,
                *image_remarks(inputs),
            )
            if text
        ),
        skipped={split: len(store.bad) for split, store in inputs.stores.items() if store.bad},
    )


def _view(cell: Cell, inputs: Inputs, precision: str) -> InputView:
    imagery = inputs.target.imagery
    return InputView(
        image_size=inputs.backbone.info.image_size,
        short_side=inputs.short_side,
        stored_side=inputs.stored_side,
        normalisation=inputs.normalisation,
        bands=imagery.bands,
        channels=inputs.channels,
        full_scale=imagery.full_scale,
        read_as=file_reader(cell.target).options,
        precision=precision,
    )


def open_unchanged(run: CellRun, folders: Folders) -> Inputs:
    """The inputs that the cell was planned with.

    What is kept warm may be from a sweep before this one, when the files were others.

    Raises:
        RsbenchError: something is missing, does not fit, or changed after the planning.
    """
    inputs = open_inputs(run.cell, folders)
    try:
        check_unchanged(run, inputs)
    except TargetError:
        forget_inputs()
        inputs = open_inputs(run.cell, folders)
        check_unchanged(run, inputs)
    return inputs


def check_unchanged(run: CellRun, inputs: Inputs) -> None:
    """Refuse to record a score under an id that was made from other data or weights.

    Raises:
        TargetError: the data or the weights changed after the sweep was planned.
    """
    cell, info = run.cell, inputs.backbone.info
    if identity(cell, inputs.target.content_hash, info, code_of(cell)) != run.identity:
        raise TargetError(
            f"the data of {cell.target.name} or the weights of {cell.backbone.name} changed "
            "while the sweep was running",
            remedy="start the sweep again: finished cells are kept where they still apply",
        )


class CellTrainer:
    """Everything of one cell that is alive while it is trained and tested.

    Args:
        cell: the cell.
        inputs: what it reads.
        folders: where caches lie.
        device: where it trains.
        report: progress messages.
    """

    def __init__(
        self, cell: Cell, inputs: Inputs, folders: Folders, device: torch.device, report: Report
    ) -> None:
        self.cell, self.inputs, self.folders = cell, inputs, folders
        self.device, self.report = device, report
        self.loop: Loop | None = None
        self.precision = resolve_precision(cell.recipe.precision, device)
        self.fabric: Fabric = make_fabric(device, self.precision)
        self.split: TrainSplit = usable(
            split_train(inputs.target.train.labels, cell.recipe), inputs.stores["train"].bad
        )
        check_split(self.split, inputs.target, cell.recipe)
        self.notes: list[str] = [self.split.note]
        labels = inputs.target.train.labels
        self.counts = train_counts(labels, self.split.train, inputs.target.number_of_classes)
        self.readers = {name: self._reader(name) for name in ("train", "test")}
        inputs.network.to(device)
        self.method, classes = make_method(cell), inputs.target.number_of_classes
        # frozen features first: once the method is attached the network is no longer bare
        self.before = self._frozen(self.tested_split, inputs.short_side)
        head = (
            empty_head(self.method, cell.recipe, classes, self.before.shape[1])
            if isinstance(self.method, FittedMethod)
            else self._initial_head()
        )
        self.attachment = attach_method(
            self.method, cell.seed, inputs.backbone, inputs.network, classes
        )
        self.model = AdaptedModel(inputs.backbone, inputs.network, self.attachment, head)
        self.model.to(device)

    def run(self) -> tuple[LoopResult, StrategyResult]:
        """Train, or fit the head.

        Raises:
            DivergedError: a loss, a logit of the held-out slice, or what was trained is not finite.
        """
        if isinstance(self.method, FittedMethod):
            return self._fit(self.method), StrategyResult()
        recipe = self.cell.recipe
        inner = [*self.attachment.parameters(), *self.model.head.parameters()]
        wrapped, fabric_optimizer = self.fabric.setup(self.model, make_optimizer(recipe, inner))
        context = TrainingContext(
            fabric=self.fabric,
            model=wrapped,
            attachment=self.attachment,
            inner_parameters=tuple(inner),
            optimizer=fabric_optimizer,
            loss=self._loss().to(self.device),
            reader=self.readers["train"],
            train=self.split.train,
            labels=self.inputs.target.train.labels,
            groups=self.inputs.target.groups,
            recipe=recipe,
            seed=self.cell.seed,
            note=self.notes.append,
        )
        strategy = self._strategy()
        strategy.check(self.attachment)
        strategy.begin(context)
        validate = self._validation_accuracy if self.split.early_stopping else None
        self.loop = Loop(context, strategy, validate, self.report)
        trained = self.loop.run()
        for name, tensor in self.model.trained_tensors(with_backbone=True).items():
            self._check_finite(name, tensor)
        for site, module in self.attachment.modules():
            if module.gamma is not None:
                self._check_finite(f"the gamma of {site.key}", module.gamma())
        return trained, strategy.finish()

    def _fit(self, method: FittedMethod) -> LoopResult:
        """Fit the head to the frozen features in the view that it is tested on."""
        chosen = self.split.train
        features = self._frozen("train", self.inputs.short_side)[chosen]
        labels = self.inputs.target.train.labels[chosen]
        adjustment = self._loss().adjustment.double().numpy()
        self.report({"phase": "train"})
        started = time.perf_counter()
        head = method.fit(features, labels, adjustment, self.notes.append)
        seconds = time.perf_counter() - started
        self.model.head = head.to(self.device)
        return LoopResult(epochs=(), seconds=seconds, images=0, steps=0)

    def _loss(self) -> LogitAdjustedLoss:
        recipe = self.cell.recipe
        tau = recipe.tau if recipe.loss == "logit_adjustment" else 0.0
        return LogitAdjustedLoss(self.counts, tau)

    def test(self) -> Outputs:
        """Test the trained model on the split that the recipe names.

        Raises:
            DivergedError: a logit is not finite.
        """
        if self.tested_split == "train":
            return self._evaluate("train", self.split.heldout)
        return self._evaluate("test", self._good("test"))

    @property
    def tested_split(self) -> SplitName:
        """``test``, or ``train`` where the recipe asks for the held-out slice of it."""
        return "train" if self.cell.recipe.evaluate_on == "validation" else "test"

    def write(
        self, out: Path, outputs: Outputs, result: StrategyResult, keep_weights: bool
    ) -> None:
        """Write predictions, features, adapter weights and the strategy's tables."""
        ids = self.inputs.target.samples(self.tested_split).ids
        artefacts.write_predictions(out, [ids[i] for i in outputs.indices], outputs)
        artefacts.write_features(out, outputs, self.before[outputs.indices])
        state = self.model.trained_state(with_backbone=keep_weights)
        if self.attachment.trained and not keep_weights:
            self.notes.append(
                "the fine-tuned backbone was not kept: to export it, train with --keep-weights "
                "into a new run folder"
            )
        artefacts.write_adapter(out, state, result)
        artefacts.write_tables(out, result)

    def parameter_counts(self, result: StrategyResult) -> ParameterCounts:
        """Numbers of scalars."""
        network = list(self.inputs.network.parameters())
        return ParameterCounts(
            method=count(self.attachment.parameters()),
            head=count(list(self.model.head.parameters())),
            modulators=result.modulators,
            frozen=count([p for p in network if not p.requires_grad]),
        )

    def timing(self, loop: LoopResult, total: float) -> Timing:
        """Seconds and speed of this cell."""
        cuda = self.device.type == "cuda"
        return Timing(
            train_seconds=loop.seconds,
            total_seconds=total,
            train_images_per_second=loop.images / max(loop.seconds, 1e-9),
            peak_memory_bytes=torch.cuda.max_memory_allocated(self.device) if cuda else None,
        )

    def close(self) -> None:
        """Take the method off the network, which the next cell uses again."""
        self.attachment.detach()

    def _reader(self, split: SplitName) -> BatchReader:
        return BatchReader(
            self.inputs.stores[split],
            self.inputs.target.samples(split).labels,
            image_size=self.inputs.backbone.info.image_size,
            normalisation=self.inputs.normalisation,
            augmentation=self.cell.recipe.augmentation,
            device=self.device,
            channels=self.inputs.channels,
            full_scale=self.inputs.target.imagery.full_scale,
        )

    def _strategy(self) -> Strategy:
        chosen = self.cell.metapeft
        if chosen is None:
            return Plain()
        kind = registry.strategy_class(chosen.kind)
        return kind(checked_options(kind.Options, chosen))

    def _initial_head(self) -> Head:
        """The head before training, from frozen features at the input's own size."""
        recipe, classes = self.cell.recipe, self.inputs.target.number_of_classes
        chosen = self.split.train
        size = self.inputs.backbone.info.image_size
        features = torch.from_numpy(self._frozen("train", size)[chosen])
        if recipe.head_features == "raw":
            self._tell_parallel(mean_cosine(features))
        statistics = feature_statistics(features, recipe.head_features)
        if recipe.head_init == "random":
            generator = torch_stream(self.cell.seed, "head")
            weight = random_directions(classes, features.shape[1], generator)
        else:
            labels = torch.from_numpy(self.inputs.target.train.labels[chosen])
            weight = standardised(class_means(features, labels, classes), **statistics)
        return CosineClassifier(weight, recipe.head_scale, **statistics)

    def _tell_parallel(self, cosine: float) -> None:
        if cosine > PARALLEL:
            note = (
                f"the frozen features of {self.cell.target.name} on {self.cell.backbone.name} are "
                f"nearly parallel (mean cosine {cosine:.3f}), so that the cosine classifier can "
                "hardly tell classes apart; try recipe: {head_features: standardised}"
            )
            self.notes.append(note)
            self.report({"note": note})

    def _frozen(self, split: SplitName, short_side: int) -> NDArray[np.float32]:
        """Features of the bare backbone for every image of ``split``, cached."""
        samples = len(self.inputs.target.samples(split))

        def compute() -> NDArray[np.float32]:
            good = self._good(split)
            found = forward_all(self._bare, self.readers[split], good, short_side)[0]
            if len(good) == samples:
                return found
            features = np.zeros((samples, found.shape[1]), dtype=np.float32)
            features[good] = found  # nobody asks for the features of what cannot be read
            return features

        key = self.inputs.frozen_key(split, short_side, self.precision, self.device)
        return cached_features(self.folders.cache / "features", key, compute, samples)

    def _good(self, split: SplitName) -> NDArray[np.int64]:
        """Indices of the images that decode."""
        everything = np.arange(len(self.inputs.target.samples(split)), dtype=np.int64)
        return np.delete(everything, sorted(self.inputs.stores[split].bad))

    def _bare(self, images: Tensor) -> tuple[Tensor]:
        with self.fabric.autocast():
            return (self.inputs.backbone.features(self.inputs.network, images),)

    def _evaluate(self, split: SplitName, indices: NDArray[np.int64]) -> Outputs:
        def forward(images: Tensor) -> tuple[Tensor, Tensor]:
            with self.fabric.autocast():
                return self.model.both(images)

        outputs = evaluate(forward, self.readers[split], indices, self.inputs.short_side)
        self._check_finite("a logit", torch.from_numpy(outputs.logits))
        return outputs

    def _check_finite(self, what: str, values: Tensor) -> None:
        """No loss is computed after the last step, which can diverge like any other."""
        if bool(torch.isfinite(values).all()):
            return
        if self.loop is None:
            raise DivergedError(f"{what} is not finite: the fit of the head failed")
        step = self.loop.step - 1
        raise DivergedError(f"{what} is not finite after step {step}", remedy=LOWER_RATE)

    def _validation_accuracy(self) -> float:
        outputs = self._evaluate("train", self.split.heldout)
        classes = self.inputs.target.number_of_classes
        groups = self.inputs.target.groups
        return compute_metrics(outputs.labels, outputs.predictions, groups, classes).mean_class
