"""Make the weights of the demo backbone again, with one command.

    python -m rsbench_baselines.demo_backbone.pretrain \
        --out demo_vit.safetensors --teacher dinov2_vit_s14.safetensors

See MODEL_CARD.md for how long it takes and what it reaches.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from rsbench_baselines.demo_backbone.pool import Pool, Tokens
    from rsbench_baselines.demo_backbone.source import SourceWorld
    from rsbench_baselines.demo_backbone.training import Losses, PretrainConfig, Student

_TEST_SEED = 1000  # added to the seed of the run; held-out pictures share no stream with the pool


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the pretraining.

    Args:
        arguments: Command line; that of the process if absent.

    Returns:
        Exit status: 0, or 2 for bad input, which is explained on standard error.
    """
    options = _parser().parse_args(arguments)
    # Must be set before timm is imported. The fused attention is slow in the CPU's backward pass.
    os.environ.setdefault("TIMM_FUSED_ATTN", "0")
    import torch

    if not hasattr(torch.optim, "Muon"):
        return _fail(f"pretraining needs torch 2.9 or newer (Muon); this is {torch.__version__}")
    torch.set_num_threads(options.threads)
    try:
        _pretrain(options)
    except (FileNotFoundError, ValueError) as error:
        return _fail(str(error))
    return 0


def _fail(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m rsbench_baselines.demo_backbone.pretrain",
        description="Pretrain the demo backbone on the procedural source world.",
    )
    parser.add_argument("--out", type=Path, required=True, help="safetensors file to write")
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--teacher", type=Path, help="DINOv2 ViT-S/14 weights, timm keys")
    how.add_argument("--supervised", action="store_true", help="use source labels alone")
    for name, text in _INTEGERS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=_positive, help=text)
    parser.add_argument("--test-images", type=_positive, default=2000, help="held-out images")
    parser.add_argument("--threads", type=_positive, default=1, help="threads of torch")
    parser.add_argument("--cache", type=Path, help="folder that keeps teacher tokens between runs")
    parser.add_argument(
        "--checkpoint-every",
        type=_positive,
        default=200,
        help="steps between interim weights, written beside --out",
    )
    return parser


_INTEGERS = {
    "seed": "seed of everything (default 7)",
    "num_classes": "source classes",
    "pool_images": "source images to draw",
    "steps": "optimiser steps",
    "batch_size": "views a step",
}


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not a positive number")
    return value


def _pretrain(options: argparse.Namespace) -> None:
    from rsbench_baselines.demo_backbone.network import save_weights
    from rsbench_baselines.demo_backbone.pool import make_pool
    from rsbench_baselines.demo_backbone.source import SourceWorld
    from rsbench_baselines.demo_backbone.training import PretrainConfig, train

    names = {entry.name for entry in fields(PretrainConfig)} & set(vars(options))
    given = {name: getattr(options, name) for name in sorted(names)}
    config = PretrainConfig(**{name: value for name, value in given.items() if value is not None})
    tokens = None if options.supervised else _load_tokens(options.teacher)
    start = time.monotonic()
    print(config, flush=True)
    world = SourceWorld(config.num_classes, seed=0)
    pool = make_pool(
        world, config.seed, config.pool_images, tokens, config.components, options.cache
    )
    print(f"pool of {len(pool)} images: {time.monotonic() - start:.0f} s", flush=True)
    student = train(pool, config, _reporter(options, config, start))
    save_weights(student.network, options.out)
    reached = _held_out_accuracy(student, world, config, options.test_images)
    print(
        f"wrote {options.out}: {reached:.1%} of {options.test_images} held-out source images of "
        f"{config.num_classes} classes, {time.monotonic() - start:.0f} s wall, "
        f"{time.process_time():.0f} s CPU"
    )


def _load_tokens(path: Path) -> Tokens:
    from rsbench_baselines.demo_backbone.teacher import load_teacher, teacher_tokens

    return partial(teacher_tokens, load_teacher(path))


def _reporter(
    options: argparse.Namespace, config: PretrainConfig, start: float
) -> Callable[[int, Losses, nn.Module], None]:
    """Return what prints the losses now and then, and writes interim weights."""
    from rsbench_baselines.demo_backbone.network import save_weights

    def report(step: int, losses: Losses, network: nn.Module) -> None:
        if step % 50 == 0 or step == config.steps:
            print(
                f"step {step}/{config.steps}: labels {losses.labels.item():.3f}, class token "
                f"{losses.class_token.item():.3f}, patch tokens {losses.patch_tokens.item():.3f}, "
                f"{time.monotonic() - start:.0f} s",
                flush=True,
            )
        if step % options.checkpoint_every == 0:
            save_weights(network, options.out.with_suffix(".interim.safetensors"))

    return report


def _held_out_accuracy(
    student: Student, world: SourceWorld, config: PretrainConfig, count: int
) -> float:
    from rsbench_baselines.demo_backbone.pool import make_pool
    from rsbench_baselines.demo_backbone.training import accuracy

    pool: Pool = make_pool(world, config.seed + _TEST_SEED, count, None, 0)
    return accuracy(student, pool.pictures, pool.labels)


if __name__ == "__main__":
    sys.exit(main())
