"""Logistic regression on the frozen features: the floor that adapting a backbone must pass."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from rsbench.method import FittedMethod
from rsbench.settings import Positive, Settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rsbench.head import LinearClassifier

#: Most fits take some hundred.
ITERATIONS = 10_000
#: Largest gradient of the mean loss that counts as converged. scikit-learn's own 1e-4 leaves half
#: a point of accuracy to where the fit happened to stop.
TOLERANCE = 1e-6
#: Multiplications of a step up to which one thread is the fastest, and rounds alike everywhere.
SMALL = 10**10


class ProbeOptions(Settings):
    """How strongly the probe is held back."""

    C: Positive = 1.0
    """Inverse strength of the L2 penalty on the weights, as in scikit-learn."""


class Probe(FittedMethod):
    """Multinomial logistic regression (scikit-learn, L-BFGS) on standardised frozen features.

    The intercept is not penalised, so that the loss with tau * log prior added to the logits has
    the same minimum as the plain one, with tau * log prior taken off the intercept: that is how
    logit adjustment comes in.
    """

    Options: ClassVar[type[Settings]] = ProbeOptions
    description: ClassVar[str] = "logistic regression on the frozen features, fitted in seconds"
    options: ProbeOptions

    def fit(
        self,
        features: NDArray[np.float32],
        labels: NDArray[np.int64],
        adjustment: NDArray[np.float64],
        note: Callable[[str], None],
    ) -> LinearClassifier:
        """Fit in double precision; a note says so where that did not converge."""
        import numpy as np
        import torch

        from rsbench.head import LinearClassifier, feature_statistics, standardised

        seen = torch.from_numpy(features).double()
        statistics = feature_statistics(seen, "standardised")
        # a class without an image, which only a measurement of cost can have, is never predicted
        weight = np.zeros((len(adjustment), features.shape[1]))
        bias = np.full(len(adjustment), -np.inf)
        present = np.unique(labels)
        bias[present] = 0.0
        if len(present) > 1:
            exact = standardised(seen, **statistics).numpy()
            weight[present], bias[present] = self._regression(exact, labels, len(present), note)
        return LinearClassifier(
            torch.from_numpy(weight), torch.from_numpy(bias - adjustment), **statistics
        )

    def _regression(
        self,
        features: NDArray[np.float64],
        labels: NDArray[np.int64],
        classes: int,
        note: Callable[[str], None],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Weights and intercepts of the classes that occur."""
        import numpy as np
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression
        from threadpoolctl import threadpool_limits

        model = LogisticRegression(C=self.options.C, tol=TOLERANCE, max_iter=ITERATIONS)
        threads = 1 if features.size * classes < SMALL else None
        with threadpool_limits(threads), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ConvergenceWarning)
            model.fit(features, labels)
        for each in caught:
            note(f"the probe's fit: {str(each.message).splitlines()[0].rstrip(':')}")
        weight, bias = model.coef_, model.intercept_
        if classes == 2:  # one row, the second class minus the first: half of it for each
            weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
        return weight, bias
