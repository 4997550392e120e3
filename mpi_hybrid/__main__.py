"""Lets `mpirun -n 4 python -m mpi_hybrid` run the command."""

from mpi_hybrid.cli import main

if __name__ == "__main__":
    main()
