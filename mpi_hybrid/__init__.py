"""Ridge regression on MPI ranks with threads in each: model parallel or data parallel."""
