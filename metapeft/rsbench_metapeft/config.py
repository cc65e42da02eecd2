"""Options of MetaPEFT; defaults as settled in the specification, section 9."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from rsbench.settings import Fraction, Positive, Settings

Control = Literal["learned", "fixed", "joint", "random", "given", "none"]
Granularity = Literal["module", "block", "position", "one"]

#: What gamma is under each control, in the words of an error message.
MEANINGS: dict[Control, str] = {
    "learned": "moves gamma by its gradient on D_val",
    "joint": "moves gamma by its gradient on the inner batches",
    "fixed": "keeps every gamma at 1 and gives the outer steps to the method's weights",
    "random": "draws gamma once and freezes it",
    "given": "takes every gamma from `gammas` and freezes it",
    "none": "trains the plain method, which has no gamma",
}
#: Controls under which gamma has a gradient and moves.
MOVING: tuple[Control, ...] = ("learned", "joint")


class ReleasedOptions(Settings):
    """The released code's meta step (paper section 2.2); only with ``mode: released``."""

    inner_steps: Annotated[int, Field(ge=1)] = 3
    """Steps on meta-train in one meta step: 3 for DOTA, iNat2018 and Places in the code."""
    every_epochs: Annotated[int, Field(ge=1)] = 1
    """Epochs from one meta step to the next (row 8)."""
    learning_rate: Annotated[float, Field(ge=0.0)] = 1e-3
    """SGD's rate for the modulators, constant."""
    momentum: Fraction = 0.9
    """SGD's momentum for the modulators."""
    weight_decay: Annotated[float, Field(ge=0.0)] = 5e-4
    """Pulls the modulators to 0 (row 7)."""
    ratio: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.2
    """Share of train that is split off, half of it meta-train and half meta-val (row 9)."""


class MetaPEFTOptions(Settings):
    """The outer loop that tunes the modulators (paper sections 2.1, 9.1, 9.2 and 9.7).

    A cell and its controls may share one section of a matrix: where a control takes no step on
    gamma, the settings of those steps (``learning_rate``, ``optimizer``, ``momentum``,
    ``warm_up_epochs``, ``outer_batches``, ``sampling``, ...) are accepted and unused. What would
    contradict the control is an error.
    """

    mode: Literal["paper", "released"] = "paper"
    """The paper's loop (section 2.1), or the released code's with its quirks (2.2, 2.3)."""
    gamma: Control = "learned"
    """``learned``: gamma moves by its gradient on D_val (section 2.1). Controls (section 9.7):
    ``fixed``: gamma 1, and every outer step is an ordinary SGD step on the method's weights and
    the head instead; ``joint``: as learned, but on the inner batch just used; ``random``: drawn
    once; ``given``: taken from ``gammas``; ``none``: the plain method on what ``overlap: false``
    leaves to the inner steps."""
    gammas: dict[str, Annotated[float, Field(ge=0.0)]] = Field(default_factory=dict)
    """With ``gamma: given``: the value for every inserted module by its key, such as block0_q;
    0 switches a module off."""
    spread: Annotated[float, Field(ge=0.0)] | None = None
    """With ``gamma: random``: standard deviation of log gamma (its median is 1)."""
    granularity: Granularity = "module"
    """What shares one modulator: nothing, a block, a position in all blocks, or everything."""
    learning_rate: Annotated[float, Field(ge=0.0)] = 1e-2
    """The outer optimiser's rate for rho. With Adam a step moves rho by about this much, so that
    rate x outer steps bounds how far gamma can travel (9.2); small data sets need 0.02 to 0.1."""
    optimizer: Literal["adam", "sgd"] = "adam"
    """What moves rho (section 2.1: Adam); without weight decay (check 17)."""
    momentum: Fraction = 0.0
    """With ``optimizer: sgd``: its momentum."""
    warm_up_epochs: Annotated[int, Field(ge=0)] = 0
    """Inner epochs at the start in which gamma rests; outer loops are drawn all the same."""
    hypergradient: Literal["first_order", "unrolled"] = "first_order"
    """Whether phi is a constant in gamma's gradient (section 2.1), or is followed back through
    the last inner steps (section 9.13)."""
    unroll_steps: Annotated[int, Field(ge=1)] = 1
    """With ``hypergradient: unrolled``: the number of inner steps."""
    gamma_init: Positive = 1.0
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
    """Whether inner steps also use D_val (the paper's formula). With false, an epoch's D_val is
    left out of that epoch; a loop of some inner steps draws it from the samples that these steps
    do not read; a fixed one is left out of the whole training."""
    released: ReleasedOptions = ReleasedOptions()
    """Options of ``mode: released``."""

    @property
    def avoids_reads(self) -> bool:
        """Whether D_val is drawn from what the inner steps of its loop do not read."""
        apart = not (self.overlap or self.outer_loop == "epoch")
        return apart and self.val_source == "fresh"

    @property
    def leaves_out(self) -> bool:
        """Whether the inner steps of an epoch leave D_val out."""
        return not self.overlap and not self.avoids_reads

    @model_validator(mode="after")
    def _combinations(self) -> MetaPEFTOptions:
        problem = _released_problem(self) or _control_problem(self) or _step_problem(self)
        if problem:
            raise ValueError(problem)
        return self


def _released_problem(options: MetaPEFTOptions) -> str:
    """Options of one mode in the other, where they would silently do nothing."""
    if options.mode == "paper":
        if options.released != ReleasedOptions():
            return "`released` has no effect in mode paper: set mode: released"
        return ""
    names = _changed(options, [n for n in MetaPEFTOptions.model_fields if n != "released"])
    names.remove("mode")
    if names:
        return (
            f"{', '.join(names)}: no effect in mode released, which has the loop of the released "
            "code; its own options stand under `released`"
        )
    return ""


def _control_problem(options: MetaPEFTOptions) -> str:
    """Options that contradict the control."""
    control = options.gamma
    if (control == "given") != bool(options.gammas):
        return (
            "gamma: given needs `gammas`, one value per inserted module such as block0_q: 0.8"
            if control == "given"
            else f"`gammas` is only for gamma: given; gamma: {control} {MEANINGS[control]}"
        )
    if (control == "random") != (options.spread is not None):
        return (
            "gamma: random needs `spread`, the standard deviation of log gamma: measure it from a "
            "learned cell, `rsbench gammas RUN/CELL` prints it"
            if control == "random"
            else f"`spread` is only for gamma: random; gamma: {control} {MEANINGS[control]}"
        )
    names = _changed(options, _without_meaning(control))
    if names:
        return f"{', '.join(names)}: no meaning with gamma: {control}, which {MEANINGS[control]}"
    return _none_problem(options) if control == "none" else ""


def _without_meaning(control: Control) -> list[str]:
    """Options that say what gamma is, or its gradient, where the control says otherwise."""
    if control in MOVING:
        return []
    names = ["hypergradient", "unroll_steps", "gamma_init", "gamma_init_is"]
    return names if control == "random" else [*names, "granularity"]


def _none_problem(options: MetaPEFTOptions) -> str:
    if options.overlap:
        return (
            "gamma: none is the plain method on what `overlap: false` leaves to the inner steps: "
            "set overlap: false"
        )
    if options.outer_loop != "epoch" and options.val_source == "fresh":
        return (
            "gamma: none with loops of some inner steps and a fresh D_val leaves nothing out: it "
            "is the plain method; set outer_loop: epoch or val_source: fixed"
        )
    return ""


def _step_problem(options: MetaPEFTOptions) -> str:
    """Settings of the outer optimiser or the gradient that do not go together."""
    if options.optimizer == "adam" and options.momentum:
        return "momentum is for optimizer: sgd; Adam has its own"
    if options.hypergradient == "first_order" and options.unroll_steps != 1:
        return "unroll_steps has no effect with hypergradient: first_order: set unrolled"
    return ""


def _changed(options: MetaPEFTOptions, names: list[str]) -> list[str]:
    """Those of ``names`` that are not at their defaults."""
    fields = MetaPEFTOptions.model_fields
    return [
        name
        for name in names
        if getattr(options, name) != fields[name].get_default(call_default_factory=True)
    ]
