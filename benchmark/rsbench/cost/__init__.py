"""``rsbench cost``: what every variant of a matrix costs in time and memory on this machine.

``variants`` chooses what is compared, ``session`` runs the rounds, ``process`` runs them in child
processes, ``measure`` is what runs there, ``summary`` turns seconds into ratios and ``report``
prints and writes them. Only ``measure`` and ``memory`` load torch, and they run in the children,
whose thread settings must stand before torch is loaded.

How it is measured. After a warm-up round that is thrown away, every round trains every variant
for the same number of epochs, in an order that changes from round to round, so that a machine
that gets slower or busier does so for all alike. A ratio is taken within a round, between two
neighbours in time, and the median over the rounds is reported. Each training is a fresh one, on
the one network that the variants of a backbone share: the method is attached before and detached
after, as in a sweep. So the memory holds one network however many variants there are, every round
does the same work, and nothing of a training (momentum, a diverged weight) reaches the next.
"""
