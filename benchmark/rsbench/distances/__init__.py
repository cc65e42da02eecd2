"""How far apart the classes of a test set lie in feature space (paper section 5); pure numpy.

Everything follows from one mean per class, of features of length 1, and the number of images
behind it: ``features.npz`` of a finished cell holds these.

* ``vectors``: classes as vectors whose inner products tell their distances; spread in a class.
* ``summary``: the variants of the definition, per class and as means over groups of classes.
"""

from rsbench.distances.summary import (
    DEFAULT,
    VARIANTS,
    ClassDistances,
    GroupDistances,
    Variant,
    class_distances,
)
from rsbench.distances.vectors import (
    FORMS,
    Form,
    class_spreads,
    class_vectors,
    distance_matrix,
    mean_distances,
)

__all__ = [
    "DEFAULT",
    "FORMS",
    "VARIANTS",
    "ClassDistances",
    "Form",
    "GroupDistances",
    "Variant",
    "class_distances",
    "class_spreads",
    "class_vectors",
    "distance_matrix",
    "mean_distances",
]
