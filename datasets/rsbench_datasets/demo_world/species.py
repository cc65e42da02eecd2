"""The invented species of the demo world's living things, with their place in the taxonomy.

Kingdoms to orders are real; families, genera and species are invented, and any likeness to a
real name is chance. This module is light: it holds names and counts only.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Genus:
    """A genus and the ranks above it."""

    name: str
    family: str
    order: str
    class_: str
    phylum: str
    kingdom: str
    supercategory: str


@dataclass(frozen=True)
class Species:
    """A species and how often it is seen."""

    epithet: str
    genus: Genus
    train: int
    """Photographs in the default world's train split."""

    @property
    def name(self) -> str:
        """The scientific name."""
        return f"{self.genus.name} {self.epithet}"


def _plant(name: str, family: str, order: str) -> Genus:
    return Genus(name, family, order, "Magnoliopsida", "Tracheophyta", "Plantae", "Plantae")


def _insect(name: str, family: str, order: str) -> Genus:
    return Genus(name, family, order, "Insecta", "Arthropoda", "Animalia", "Insecta")


def _fish(name: str, family: str) -> Genus:
    fishes = "Actinopterygii"
    return Genus(name, family, "Perciformes", fishes, "Chordata", "Animalia", fishes)


HELIADORA = _plant("Heliadora", "Heliadoraceae", "Asterales")
CAMPANORA = _plant("Campanora", "Campanoraceae", "Asterales")
LOBIFOLIA = _plant("Lobifolia", "Lobifoliaceae", "Sapindales")
PINNARELLA = _plant("Pinnarella", "Lobifoliaceae", "Sapindales")
VANELORA = _insect("Vanelora", "Vaneloridae", "Lepidoptera")
CAUDALINA = _insect("Caudalina", "Vaneloridae", "Lepidoptera")
COCCINORA = _insect("Coccinora", "Coccinoridae", "Coleoptera")
PILEORA = Genus(
    "Pileora", "Pileoraceae", "Agaricales", "Agaricomycetes", "Basidiomycota", "Fungi", "Fungi"
)
ZONARULA = _fish("Zonarula", "Zonarulidae")
LUNACAUDA = _fish("Lunacauda", "Lunacaudidae")

SPECIES = (
    # Within a genus rare species stand beside common ones, as in nature.
    Species("maculata", PILEORA, 88),
    Species("conica", PILEORA, 19),
    Species("plana", PILEORA, 13),
    Species("quinaria", HELIADORA, 150),
    Species("octava", HELIADORA, 66),
    Species("multiradia", HELIADORA, 15),
    Species("pendula", CAMPANORA, 42),
    Species("cincta", CAMPANORA, 8),
    Species("trifida", LOBIFOLIA, 102),
    Species("quinqueloba", LOBIFOLIA, 36),
    Species("integra", LOBIFOLIA, 17),
    Species("alterna", PINNARELLA, 22),
    Species("ocellata", VANELORA, 116),
    Species("bivittata", VANELORA, 49),
    Species("marginata", VANELORA, 11),
    Species("longicauda", CAUDALINA, 31),
    Species("maculosa", CAUDALINA, 7),
    Species("bipunctata", COCCINORA, 132),
    Species("septemguttata", COCCINORA, 57),
    Species("lineata", COCCINORA, 10),
    Species("verticalis", ZONARULA, 76),
    Species("longivittata", ZONARULA, 26),
    Species("guttata", ZONARULA, 6),
    Species("forcipata", LUNACAUDA, 5),
)
"""All species, in the order of their category ids."""

SPECIES_NAMES = tuple(species.name for species in SPECIES)
"""Scientific names in the order of their category ids."""
