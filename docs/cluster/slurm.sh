#!/bin/bash
#SBATCH --job-name=corrtrack
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=32
#SBATCH --exclusive
#SBATCH --time=24:00:00
#SBATCH --signal=B:TERM@300
#SBATCH --requeue
# Tracks a corpus on all nodes of the job:
#     CORRTRACK_CHECKOUT=/shared/corrtrack sbatch slurm.sh CORPUS OUT [OPTION OF reprocess]...
# Checkout (with its .venv), corpus and OUT lie on a disk that all nodes see under the same paths.
set -euo pipefail
checkout=${CORRTRACK_CHECKOUT:?expected the folder of the checkout in CORRTRACK_CHECKOUT}
bin=${CORRTRACK_BIN:-$checkout/.venv/bin}
corpus=${1:?expected CORPUS OUT}
out=${2:?expected CORPUS OUT}
shift 2

threads=2 # of each worker: equal bytes are promised at equal run.threads_per_worker
workers=$((SLURM_JOB_NUM_NODES * SLURM_CPUS_PER_TASK / threads))
first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
ip=$(srun --nodes=1 --ntasks=1 --nodelist="$first" hostname --ip-address | awk '{print $1}')
port=$((20000 + SLURM_JOB_ID % 20000))
nodes=(--num-cpus="$SLURM_CPUS_PER_TASK" --num-gpus="${SLURM_GPUS_ON_NODE:-0}" --disable-usage-stats --block)
export RAY_USAGE_STATS_ENABLED=0

trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
srun --overlap --nodes=1 --ntasks=1 --nodelist="$first" \
  "$bin/ray" start --head --node-ip-address="$ip" --port="$port" --include-dashboard=false \
  --temp-dir="/tmp/ray$SLURM_JOB_ID" "${nodes[@]}" &
for _ in {1..120}; do # until the head node listens
  if (exec 3<>"/dev/tcp/$ip/$port") 2>/dev/null; then break; fi
  sleep 1
done
if ((SLURM_JOB_NUM_NODES > 1)); then
  srun --overlap --exclude="$first" --nodes=$((SLURM_JOB_NUM_NODES - 1)) --ntasks-per-node=1 \
    "$bin/ray" start --address="$ip:$port" "${nodes[@]}" &
fi

cd "$checkout"
"$bin/corrtrack" reprocess "$corpus" --out "$out" --set compute.executor=ray --set compute.address="$ip:$port" \
  --set compute.workers="$workers" --set run.threads_per_worker="$threads" "$@" &
run=$!
trap 'kill -TERM "$run"' TERM # the run keeps what is finished, and goes on when the job is started again
code=0
wait "$run" || code=$?
while kill -0 "$run" 2>/dev/null; do # a signal ends the first wait
  code=0
  wait "$run" || code=$?
done
exit "$code"
