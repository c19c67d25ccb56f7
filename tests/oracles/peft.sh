#!/usr/bin/env bash
# Trains one cell of the methods of peft.yaml, and loads each in PEFT: its logits must be those that lingo-pipe predicted.
#
#   tests/oracles/peft.sh PYTHON [LINGO_PIPE]
set -euo pipefail
here=$(dirname "$0")
python=$1
ours=${2:-target/debug/lingo-pipe}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$ours" --quiet run "$here/peft.yaml" --device cpu --out "$work/run"
for cell in "$work"/run/binding/*/seed-1; do
  printf '%s: ' "$(basename "$(dirname "$cell")")"
  "$python" "$here/adapt_peft_roundtrip.py" --cell "$cell" --model "$work/run/model" --tokens "$work/run/binding/tokens.parquet"
done
