"""What a factorisation costs: operations, memory traffic, memory; each solver states its own."""

from __future__ import annotations

from dataclasses import dataclass

# Of one core at 3 GHz, d from 700 to 4,000, measured by whole factorisations: only the ratio of
# the two matters to a choice between solvers.
OPERATIONS_PER_SECOND = 2.08e10
BYTES_PER_SECOND = 3.92e10


@dataclass(frozen=True)
class Cost:
    """Of solving one system for some number of λ.

    operations   floating-point operations in products of matrices, which cores do as fast as they
                 can
    traffic      bytes of a matrix read by products with vectors, which wait for memory
    memory       bytes at the peak, besides the system itself
    """

    operations: float
    traffic: float
    memory: float

    @property
    def seconds(self) -> float:
        """On one core; an estimate to compare solvers by, no promise."""
        return self.operations / OPERATIONS_PER_SECOND + self.traffic / BYTES_PER_SECOND
