"""Command line of the demo world: ``python -m rsbench_datasets.demo_world --out DIR``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from .contact_sheet import write_contact_sheet
from .world import render_world


def _parser() -> argparse.ArgumentParser:
    """Describe the arguments."""
    parser = argparse.ArgumentParser(
        prog="python -m rsbench_datasets.demo_world",
        description="Render the demo world: three long-tailed data sets in their real formats.",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to create")
    parser.add_argument("--seed", type=int, default=0, help="seed of the world (default 0)")
    parser.add_argument("--workers", type=int, default=1, help="processes (default 1)")
    parser.add_argument("--contact-sheet", type=Path, help="also write a PNG of sample pictures")
    return parser


def _show(done: int, total: int) -> None:
    """Show progress on one line of the terminal."""
    end = "\n" if done == total else ""
    print(f"\r{done}/{total} pictures", end=end, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Render the world as the arguments say; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        render_world(options.out, seed=options.seed, workers=options.workers, progress=_show)
    except (ValueError, FileExistsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if options.contact_sheet is not None:
        write_contact_sheet(options.out, options.contact_sheet)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
