# Starts ranks inside a SLURM job and takes care of the signal before its time limit. Sourced by the
# scripts beside it. $PYTHON and, where it is not to be found out, $LAUNCH are set by them.

# srun has to speak the protocol of the MPI library behind mpi4py: pmi2 for MPICH and its kin (Intel
# MPI, Cray, MVAPICH), pmix for Open MPI. mpirun brings its own.
find_launcher() {
    local library
    library=$("$PYTHON" - <<'PY'
import mpi4py
mpi4py.rc.initialize = False
from mpi4py import MPI
print(MPI.Get_library_version().replace("\0", ""))
PY
    ) || { echo "error: $PYTHON has no working mpi4py; set PYTHON or load your MPI module" >&2; return 2; }
    case "$library" in
        *"Open MPI"*) echo "srun --mpi=pmix" ;;
        *)            echo "srun --mpi=pmi2" ;;
    esac
}

# ranks NODES THREADS ARGUMENT...: one rank on each of NODES nodes (or as many as --ntasks-per-node
# says), THREADS threads in each. Returns the status of the run.
ranks() {
    local nodes=$1 threads=$2 per_node=${SLURM_NTASKS_PER_NODE:-1}
    shift 2
    case "$LAUNCH" in
        srun*)
            # --kill-on-bad-exit: one rank gone, all gone; with pmi2 the others would wait for ever.
            # --cpu-bind=none: the threads of a rank may use all the cores the job has on its node.
            $LAUNCH --nodes="$nodes" --ntasks="$((nodes * per_node))" \
                --ntasks-per-node="$per_node" --cpus-per-task="$threads" \
                --cpu-bind=none --kill-on-bad-exit=1 "$PYTHON" -m mpi_hybrid "$@" &
            ;;
        *)
            # --bind-to none: Open MPI would bind each rank, and all of its threads, to one core.
            $LAUNCH -n "$((nodes * per_node))" --bind-to none "$PYTHON" -m mpi_hybrid "$@" &
            ;;
    esac
    STEP=$!
    # A trapped signal ends `wait`, not the step: wait again until the step itself has ended.
    local status
    while :; do
        wait "$STEP"
        status=$?
        kill -0 "$STEP" 2>/dev/null || return "$status"
    done
}

# Before the time limit SLURM sends USR1 to the script alone (--signal=B:...); srun and mpirun hand
# it on to every rank, and the ranks save what they have and end.
pass_on() {
    SIGNALLED=1
    [ -z "$STEP" ] || kill -USR1 "$STEP" 2>/dev/null
}
SIGNALLED=0
STEP=
trap pass_on USR1
