#!/usr/bin/env bash
# 336 light cells on a Slurm of three nodes on this machine: how long submitting takes, and until the report is there.
#
#   benches/cluster.sh target/debug/lingo-pipe
#
# As root, with Debian's munge, slurmctld, slurmd and slurm-client; everything is on the loopback address and ends with the script.
set -euo pipefail
ours=$(realpath "$1")
data=$(realpath "$(dirname "$0")/../data/demo")
s=$(mktemp -d /tmp/slurm.XXXXXX)
export SLURM_CONF=$s/slurm.conf
end() {
  scancel --user=root || true
  for pid in "$s"/run/*.pid "$s"/munge/munged.pid; do kill -9 "$(cat "$pid")" || true; done
  rm -rf "$s"
}
trap end EXIT
mkdir "$s"/{munge,state,log,run}
chmod 755 "$s"; chmod 711 "$s/munge"
head -c 1024 /dev/urandom > "$s/munge/munge.key"; chmod 400 "$s/munge/munge.key"
host=$(hostname -s)
cat > "$SLURM_CONF" <<CONF
ClusterName=bench
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=26817
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$s/munge/munge.socket,cred_expire=10
CredType=cred/munge
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=1
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobRequeue=1
ReturnToService=2
SlurmdParameters=config_overrides
MinJobAge=3600
StateSaveLocation=$s/state
SlurmdSpoolDir=$s/spool.%n
SlurmctldPidFile=$s/run/slurmctld.pid
SlurmdPidFile=$s/run/slurmd.%n.pid
SlurmctldLogFile=$s/log/slurmctld.log
SlurmdLogFile=$s/log/slurmd.%n.log
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=27001 CPUs=2 RealMemory=4000 State=UNKNOWN
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=27002 CPUs=2 RealMemory=4000 State=UNKNOWN
NodeName=n3 NodeHostname=$host NodeAddr=127.0.0.1 Port=27003 CPUs=2 RealMemory=4000 State=UNKNOWN
PartitionName=main Nodes=n[1-3] Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
CONF
munged --socket="$s/munge/munge.socket" --key-file="$s/munge/munge.key" --pid-file="$s/munge/munged.pid" \
  --log-file="$s/munge/munged.log" --seed-file="$s/munge/munged.seed" --num-threads=2 --force
slurmctld
for node in n1 n2 n3; do slurmd -N "$node"; done
until [ "$(sinfo --noheader --format='%D %t')" = "3 idle" ]; do sleep 1; done
cd "$s"
{
  cat <<YAML
lingo: 1
name: many
model:
  pretrain: { fasta: $data/genome.fa.gz, scheme: base, hidden: 16, layers: 1, heads: 2, feed_forward: 32, window: 60, batch: 8, steps: 20 }
tasks:
  t1: &task
    ingest:
      source: { bed: { fasta: $data/genome.fa.gz, beds: [$data/binding.bed], label: { column: 7 } } }
      split: { chromosomes: { dev: [chr7], test: [chr8] } }
YAML
  for n in $(seq 2 28); do echo "  t$n: *task"; done
  cat <<YAML
tokenize: { scheme: base }
methods: { a: { head: {} }, b: { head: {} }, c: { head: {} }, d: { head: {} } }
train: { max_steps: 1, batch: 8 }
evaluate: { resamples: 50 }
seeds: [1, 2, 3]
YAML
} > many.yaml
echo "resources: { default: { cpus: 1, memory: 300M } }" > site.yaml
"$ours" --quiet plan many.yaml --out plan --device cpu > /dev/null
begin=$(date +%s.%N)
"$ours" submit plan --profile site.yaml
submitted=$(date +%s.%N)
until [ -z "$(squeue --noheader)" ]; do sleep 1; done
ended=$(date +%s.%N)
"$ours" status plan
awk "BEGIN { printf \"submitted in %.2f s, ended after %.0f s\\n\", $submitted - $begin, $ended - $begin }"
