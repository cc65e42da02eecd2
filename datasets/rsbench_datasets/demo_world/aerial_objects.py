"""The 15 aerial classes: how each is drawn, how large it is, and where it is found."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from . import aerial_grounds as grounds
from . import aerial_structures as structures
from . import aerial_vehicles as vehicles
from .drawing import Pen

Draw = Callable[[Pen, np.random.Generator, float, float], None]


@dataclass(frozen=True)
class ObjectKind:
    """One class of aerial objects. Sizes are in pixels of a scene."""

    draw: Draw
    """Draws one object of a given length and width around the origin."""
    length: tuple[float, float]
    """Shortest and longest length."""
    aspect: tuple[float, float]
    """Narrowest and widest ratio of width to length."""
    grounds: tuple[str, ...]
    """Ground types it prefers; any land will do where these are taken."""
    height: float = 0.0
    """Length of its shadow as a share of its length, at a sun of 45 degrees."""
    round: bool = False
    """Whether its box is drawn along the picture's axes, as for circles in DOTA."""
    cluster: int = 1
    """How many of its kind usually stand together."""
    aligned: float = 0.7
    """Share that is parallel or perpendicular to the streets."""


_SPORT = ("grass", "park", "pavement", "houses")

KINDS: Mapping[str, ObjectKind] = MappingProxyType(
    {
        "baseball-diamond": ObjectKind(
            grounds.draw_baseball_diamond, (44, 96), (0.84, 1.1), ("grass", "park", "soil")
        ),
        "basketball-court": ObjectKind(
            grounds.draw_basketball_court, (42, 88), (0.5, 0.62), _SPORT
        ),
        "bridge": ObjectKind(structures.draw_bridge, (36, 100), (0.14, 0.34), (), height=0.06),
        "ground-track-field": ObjectKind(
            grounds.draw_ground_track_field, (66, 100), (0.46, 0.62), ("grass", "park", "soil")
        ),
        "harbor": ObjectKind(structures.draw_harbor, (46, 100), (0.4, 0.75), (), height=0.02),
        "helicopter": ObjectKind(
            vehicles.draw_helicopter,
            (36, 76),
            (0.62, 0.84),
            ("apron", "pavement", "grass"),
            height=0.1,
            aligned=0.3,
        ),
        "large-vehicle": ObjectKind(
            vehicles.draw_large_vehicle,
            (38, 78),
            (0.2, 0.34),
            ("street", "yard", "parking", "pavement"),
            height=0.09,
            cluster=5,
            aligned=0.9,
        ),
        "plane": ObjectKind(
            vehicles.draw_plane,
            (40, 98),
            (0.78, 1.12),
            ("apron", "pavement", "grass"),
            height=0.07,
            cluster=4,
            aligned=0.5,
        ),
        "roundabout": ObjectKind(structures.draw_roundabout, (36, 92), (1.0, 1.0), (), round=True),
        "ship": ObjectKind(
            vehicles.draw_ship, (34, 100), (0.2, 0.38), (), height=0.05, cluster=3, aligned=0.4
        ),
        "small-vehicle": ObjectKind(
            vehicles.draw_small_vehicle,
            (26, 42),
            (0.42, 0.54),
            ("street", "parking", "pavement", "houses"),
            height=0.1,
            cluster=5,
            aligned=0.9,
        ),
        "soccer-ball-field": ObjectKind(
            grounds.draw_soccer_ball_field, (52, 100), (0.56, 0.72), ("grass", "park", "soil")
        ),
        "storage-tank": ObjectKind(
            structures.draw_storage_tank,
            (30, 80),
            (1.0, 1.0),
            ("yard", "pavement", "soil"),
            height=0.18,
            round=True,
            cluster=4,
        ),
        "swimming-pool": ObjectKind(
            structures.draw_swimming_pool,
            (30, 70),
            (0.5, 0.85),
            ("houses", "park", "pavement"),
            cluster=2,
        ),
        "tennis-court": ObjectKind(
            grounds.draw_tennis_court, (42, 88), (0.46, 0.6), _SPORT, cluster=2
        ),
    }
)
"""The classes by their DOTA names."""
