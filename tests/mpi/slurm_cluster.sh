#!/bin/bash
# A SLURM of two nodes, n1 and n2, on one machine, for as long as this script runs.
#
#     unshare -n -u -m -p -f --kill-child --mount-proc slurm_cluster.sh FOLDER
#
# The controller has the network, host name, mounts and processes that unshare made; each node has a
# network, a host name and a /dev/shm of its own besides. They talk over a bridge that leads nowhere
# else. The line "ready" on standard output says that both nodes are up. All state is in FOLDER.
set -e
cd "$1"
export SLURM_CONF=$PWD/slurm.conf
hostname login
mount -t tmpfs -o mode=755 tmpfs /run
printf '%s\n' '127.0.0.1 localhost' '10.91.0.9 login' '10.91.0.1 n1' '10.91.0.2 n2' >hosts
mount --bind hosts /etc/hosts
mount --bind /dev/null /etc/resolv.conf

ip link set lo up
ip link add switch type bridge
ip addr add 10.91.0.9/24 dev switch
ip link set switch up

# Munge wants its socket where everybody could reach it: /run, which is this script's own.
mkdir /run/munge
(umask 077; head -c 64 /dev/urandom >/run/munge/key)
munged --key-file=/run/munge/key --socket=/run/munge/socket --pid-file=/run/munge/pid \
    --log-file="$PWD/munged.log" --seed-file=/run/munge/seed

# config_overrides: a node has the CPUs that are written here, not those of the machine.
# cred_expire: a requeued job may start again after these seconds.
cat >slurm.conf <<END
ClusterName=two
SlurmctldHost=login(10.91.0.9)
SlurmUser=root
AuthInfo=socket=/run/munge/socket,cred_expire=5
StateSaveLocation=$PWD/state
SlurmdSpoolDir=$PWD/spool-%n
TmpFS=$PWD/tmp-%n
SlurmctldPidFile=$PWD/slurmctld.pid
SlurmdPidFile=$PWD/slurmd-%n.pid
SlurmctldLogFile=$PWD/slurmctld.log
SlurmdLogFile=$PWD/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,sched_interval=2,bf_interval=2
ReturnToService=1
KillWait=5
NodeName=n[1-2] NodeAddr=10.91.0.[1-2] CPUs=4
PartitionName=all Nodes=ALL Default=YES State=UP
END
mkdir state
slurmctld
for i in 1 2; do
    mkdir "spool-n$i" "tmp-n$i"
    ip netns add "n$i"
    ip link add "port$i" type veth peer name eth0 netns "n$i"
    ip link set "port$i" master switch up
    ip -n "n$i" link set lo up
    ip -n "n$i" addr add "10.91.0.$i/24" dev eth0
    ip -n "n$i" link set eth0 up
    # Not `ip netns exec`: it would mount a /sys without the cgroups.
    nsenter --net="/run/netns/n$i" unshare --uts --mount sh -c \
        "hostname n$i; mount -t tmpfs tmpfs /dev/shm; exec slurmd -N n$i"
done
for _ in $(seq 300); do
    if [ "$(sinfo --noheader --format=%T:%D 2>/dev/null)" = idle:2 ]; then
        echo ready
        exec sleep infinity
    fi
    sleep 0.1
done
tail slurm*.log >&2
exit 1
