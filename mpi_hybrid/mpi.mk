# The MPI hybrid on this machine. Variables: RANKS, THREADS (of each rank), DATA, OUT,
# ARGS="more options of python -m mpi_hybrid".
#
# A machine with an MPI of its own uses that, through mpi4py alone: the two find each other. One
# without gets MPICH from a wheel, in the virtual environment. Never both there: which of them a
# program would find is chance. What an activated virtual environment has is not the machine's.

SYSTEM_MPI := $(filter-out $(or $(VIRTUAL_ENV),none)/%,$(shell command -v mpirun))
MPIRUN := $(or $(SYSTEM_MPI),$(VENV)/bin/mpirun)
MPI_READY := $(VENV)/.mpi-ready
MPI_WANTED := $(if $(SYSTEM_MPI),mpi4py,mpi4py mpich)
RANKS ?= 2
MPI_OUT = $(or $(OUT),runs/mpi-$*-$(shell date +%Y%m%d-%H%M%S))
# Open MPI would bind a rank, with all of its threads, to one core.
MPI_HYBRID = $(MPIRUN) -n $(RANKS) --bind-to none $(PYTHON) -m mpi_hybrid

.PHONY: mpi-setup mpi-model mpi-data

mpi-setup: $(MPI_READY)  ## Make MPI ready: the machine's own, or MPICH in .venv

$(MPI_READY): requirements-mpi.txt | $(PROGRAM)
	@grep -E '^($(subst $(eval ) ,|,$(MPI_WANTED)))[^a-z0-9]' requirements-mpi.txt > $@.wanted
	$(PYTHON) -m pip install --quiet --constraint constraints.txt --requirement $@.wanted
	@$(PYTHON) -c 'from mpi_hybrid.world import library; print("MPI:", library(), "($(MPIRUN))")'
	@mv $@.wanted $@

mpi-model mpi-data: mpi-%: $(MPI_READY) | $(MNIST)  ## Train with RANKS ranks of THREADS threads
	$(MPI_HYBRID) $* --data $(or $(DATA),$(MNIST)) --out $(MPI_OUT) \
	  $(if $(THREADS),--threads $(THREADS)) $(ARGS)
