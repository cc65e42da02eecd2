"""What MetaPEFT's options and a recipe mean for each other, known before anything is trained."""

from __future__ import annotations

from rsbench.errors import SettingsError
from rsbench.settings import Recipe
from rsbench_metapeft.config import MOVING, MetaPEFTOptions
from rsbench_metapeft.sampling import validation_size


def check_recipe(options: MetaPEFTOptions, recipe: Recipe) -> None:
    """Refuse a recipe whose inner steps are not those that the options count on.

    Raises:
        SettingsError: AdamW or clipped gradients, where plain SGD steps are replayed or followed.
    """
    if options.mode == "released":
        needs = "mode: released: the released code's loop takes"
    elif options.hypergradient == "unrolled":
        needs = "hypergradient: unrolled replays the inner steps as"
    else:
        return
    stated = {
        "optimizer: adamw": recipe.optimizer != "sgd",
        "gradient_clip": recipe.gradient_clip is not None,
    }
    found = [name for name, is_stated in stated.items() if is_stated]
    if found:
        raise SettingsError(
            f"{needs} plain SGD; the recipe has {' and '.join(found)}",
            remedy="leave that out of the recipe of these cells, or use mode: paper with "
            "hypergradient: first_order",
        )


def planned_outer_steps(options: MetaPEFTOptions, samples: int, recipe: Recipe) -> int:
    """Outer steps of a whole training in ``mode: paper``, if it is not stopped early.

    Args:
        options: of MetaPEFT.
        samples: training images, without a held-out slice.
        recipe: the cell's.
    """
    size = validation_size(samples, options.ratio)
    pool = samples - size if options.leaves_out else samples
    epoch = -(-pool // recipe.batch_size)
    length = epoch if options.outer_loop == "epoch" else options.outer_loop
    planned = options.outer_batches
    if planned == "pass":
        planned = -(-size // recipe.batch_size)

    def due(steps: int) -> int:
        return steps // length * planned + steps % length * planned // length

    return due(recipe.epochs * epoch) - due(min(options.warm_up_epochs, recipe.epochs) * epoch)


def travel_bound(options: MetaPEFTOptions, outer_steps: int) -> float | None:
    """Rate x outer steps: about how far Adam can move rho (9.2); None where it does not."""
    moves = options.mode == "paper" and options.gamma in MOVING and options.optimizer == "adam"
    return round(options.learning_rate * outer_steps, 6) if moves else None


def travel_remarks(bound: float | None) -> tuple[str, ...]:
    """One sentence where gamma is bound to stay near its start."""
    if bound is None or bound >= 1.0:
        return ()
    return (
        f"gamma can move little: learning rate x outer steps = {bound:.3g} < 1 bounds the travel "
        "of rho; a higher metapeft.learning_rate lets it go further",
    )
