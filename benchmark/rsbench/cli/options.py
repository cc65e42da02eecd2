"""Options that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

MatrixOption = Annotated[
    str, typer.Option(help="Name of a shipped matrix, or path of a YAML file.")
]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
DataOption = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Prepared data sets. Also: RSBENCH_DATA.")
]
CacheOption = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Decoded images, safe to delete. Also: RSBENCH_CACHE."),
]
