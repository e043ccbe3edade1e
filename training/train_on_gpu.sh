#!/usr/bin/env bash
# Trains on the machine with the GPU and leaves at most eight files of at most 16 MiB in the OUT folder.
#
#   training/train_on_gpu.sh OUT SECONDS [further arguments of train.py]
#
# SECONDS is the training time alone: compilation comes before it, scores and stories after it. The data and the
# vocabulary are those of DEMO_DATA (carry/demo by default; README.md says how it is made).
set -euo pipefail
out=${1:?OUT folder} seconds=${2:?seconds}
shift 2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
data=${DEMO_DATA:-$here/../../carry/demo}
mkdir -p "$out"
export PYTHONUNBUFFERED=1
python=${PYTHON:-python3}
"$python" "$here/train.py" --data "$data" --tokenizer "$data/tokenizer" --heldout "$here/../../models/heldout.jsonl" \
  --out "$out" --seconds "$seconds" "$@" 2>&1 | tee "$out/train.log"
ls -l "$out"
