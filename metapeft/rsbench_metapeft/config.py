"""Options of MetaPEFT; defaults as settled in the specification, section 9."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from rsbench.settings import Settings


class MetaPEFTOptions(Settings):
    """The outer loop that tunes the modulators (paper sections 2.1 and 9.1)."""

    learning_rate: Annotated[float, Field(ge=0.0)] = 1e-2
    """Adam's rate for rho. With Adam a step moves rho by about this much, so that rate x outer
    steps bounds how far gamma can travel (9.2); small data sets need 0.02 to 0.1."""
    gamma_init: Annotated[float, Field(gt=0.0)] = 1.0
    """Start value of the modulators."""
    gamma_init_is: Literal["gamma", "rho"] = "gamma"
    """Whether that value is meant after softplus (gamma) or before it (rho)."""
    outer_loop: Annotated[int, Field(ge=1)] | Literal["epoch"] = "epoch"
    """Inner steps of one outer loop, or ``epoch``."""
    ratio: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.2
    """Share of the training samples in D_val."""
    val_source: Literal["fresh", "fixed"] = "fresh"
    """Whether D_val is drawn anew for every outer loop or once."""
    sampling: Literal["plain", "stratified"] = "plain"
    """Whether D_val is drawn uniformly or class by class."""
    outer_batches: Annotated[int, Field(ge=0)] | Literal["pass"] = "pass"
    """Outer steps per outer loop: one pass over D_val, or a number (D_val is recycled)."""
    overlap: bool = True
    """Whether inner steps also use D_val (the paper's formula), or leave it out."""

    @model_validator(mode="after")
    def _whole_epochs_without_overlap(self) -> MetaPEFTOptions:
        if not self.overlap and self.outer_loop != "epoch":
            raise ValueError("overlap: false needs outer_loop: epoch")
        return self
