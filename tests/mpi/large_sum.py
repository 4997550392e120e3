"""An MPI program of the tests: a sum over the ranks of an array beyond 2 GB.

With an MPI that counts the items or bytes of one message in 32 bits, this takes several messages.
"""

import numpy as np

from mpi_hybrid.world import MESSAGE_BYTES, World

world = World()
items = 2**31 // 8 + MESSAGE_BYTES // 8 + 3  # beyond 2 GiB, and no whole number of messages
array = np.arange(items, dtype=np.int64)
array *= world.rank + 1
world.add_up(array)
total = world.size * (world.size + 1) // 2
for start in range(0, items, 2**24):
    rows = slice(start, min(start + 2**24, items))
    assert np.array_equal(array[rows], total * np.arange(rows.start, rows.stop)), start
if world.rank == 0:
    print(f"summed {array.nbytes} bytes")
