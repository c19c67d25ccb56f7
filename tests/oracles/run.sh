#!/usr/bin/env bash
# Makes every golden value anew, in place; `git status` then says whether one has changed. `just oracles` calls it.
#
#   tests/oracles/run.sh [PYTHON]
#
# Values on real data and of the real model are made where LINGO_REAL_DATA and LINGO_MINILM name their folders, those of DNABERT-2
# where LINGO_MOSAIC is the folder that lm.py tells of, those of bottlenecks where LINGO_ADAPTERS is the one that
# adapt_bottleneck.py tells of. At the end
# an adapter of the demo is loaded in PEFT, and its logits are held against lingo-pipe's own.
set -euo pipefail
cd "$(dirname "$0")/../.."
python="${1:-python3}"
# One thread, and the instructions of AVX2: the same bits on each, so that nothing changes that was
# not meant to.
export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 ATEN_CPU_CAPABILITY=avx2 MKL_CBWR=AVX2
export ONEDNN_MAX_CPU_ISA=AVX2 OPENBLAS_CORETYPE=Haswell
oracle() { printf '== %s\n' "$*"; "$python" "tests/oracles/$@"; }

for script in adapt_adalora adapt_adamw adapt_kernel adapt_loss adapt_schedules adapt_training adapt_words evaluate evaluate_bootstrap evaluate_paired evaluate_tables pretrain design tokenize_dna tokenize_exported tokenize_vocabularies; do
  oracle $script.py
done
oracle quantization.py
oracle ingest_sources.py crates/ingest/tests/fixtures/sources
oracle ingest_windows.py crates/ingest/tests/fixtures/sources
oracle ingest_annotations.py crates/ingest/tests/fixtures/annotations
oracle ingest_variants.py crates/ingest/tests/fixtures/variants
oracle ingest_tracks.py crates/ingest/tests/fixtures/tracks
oracle ingest_overlaps.py crates/ingest/tests/fixtures/overlaps
if [ -n "${LINGO_MINILM:-}" ]; then
  oracle lm.py --minilm "$LINGO_MINILM" ${LINGO_MOSAIC:+--mosaic "$LINGO_MOSAIC"}
else
  oracle lm.py ${LINGO_MOSAIC:+--mosaic "$LINGO_MOSAIC"}
  echo "LINGO_MINILM is not set: the values of all-MiniLM-L6-v2 stay as they are"
fi
if [ -n "${LINGO_REAL_DATA:-}" ]; then
  echo "== ingest_badinput.py"
  "$python" tests/oracles/ingest_badinput.py "$LINGO_REAL_DATA/badinput" >crates/ingest/tests/fixtures/badinput_reference.tsv
  oracle leakage.py
else
  echo "LINGO_REAL_DATA is not set: what other tools read from odd files stays as it is"
fi

run="$(mktemp -d)"
trap 'rm -rf "$run"' EXIT
cargo run -q -- run pipelines/demo.yaml --only binding --seeds 1 --out "$run"
for method in lora adalora ars; do
  oracle adapt_peft_roundtrip.py --cell "$run/binding/$method/seed-1" --model "$run/model" --tokens "$run/binding/tokens.parquet"
done
cargo run -q -- model merge --adapter "$run/binding/ars/seed-1/adapter" --out "$run/merged" --verify
oracle adapt_peft_roundtrip.py --cell "$run/binding/ars/seed-1" --merged "$run/merged" --tokens "$run/binding/tokens.parquet"
task="$run/binding"
cargo run -q -- adapt --method motif_cnn --set method.folds=3 --set method.bins=2 --set train.epochs=2 --both-strands \
  --model "$run/model" --input "$task/tokens.parquet" --examples "$task/examples.parquet" --out "$run/stem"
oracle adapt_stem.py --cell "$run/stem" --examples "$task/examples.parquet"
cargo run -q -- adapt --method motif_cnn --set method.folds=3 --set 'method.second={pool: 2, dilation: 2}' --set train.epochs=2 --both-strands \
  --model "$run/model" --input "$task/tokens.parquet" --examples "$task/examples.parquet" --out "$run/second"
oracle adapt_stem.py --cell "$run/second" --examples "$task/examples.parquet"
cargo run -q -- adapt --method motif_cnn --set method.folds=3 --set 'method.words=[{}]' --set 'method.kernel={rows: 100}' --set train.epochs=2 --both-strands \
  --model "$run/model" --input "$task/tokens.parquet" --examples "$task/examples.parquet" --out "$run/kernel"
oracle adapt_stem.py --cell "$run/kernel" --examples "$task/examples.parquet"
# The methods beyond deltas of a rank; PEFT has no BitFit, whose whole model is compared.
for method in "ia3 train.learning_rate=0.01" "prompt_tuning train.learning_rate=0.03" "prefix_tuning train.learning_rate=0.03" "bitfit train.learning_rate=0.003" \
  "lora method.magnitude=true" "lora method.rank_stabilized=true"; do
  cell="$run/${method//[ .=]/-}"
  cargo run -q -- adapt --method "${method% *}" --set "${method#* }" --set train.epochs=1 \
    --model "$run/model" --input "$task/tokens.parquet" --out "$cell"
  oracle adapt_peft_roundtrip.py --cell "$cell" --model "$run/model" --tokens "$task/tokens.parquet"
done
# Bottlenecks are those of the library `adapters`, in a folder of its own: see adapt_bottleneck.py.
if [ -n "${LINGO_ADAPTERS:-}" ]; then
  export PYTHONPATH="$LINGO_ADAPTERS"
  oracle adapt_bottleneck.py
  for placement in houlsby pfeiffer parallel; do
    cell="$run/$placement"
    cargo run -q -- adapt --method bottleneck --set "method.placement=$placement" --set train.epochs=1 \
      --model "$run/model" --input "$task/tokens.parquet" --out "$cell"
    oracle adapt_bottleneck.py --cell "$cell" --model "$run/model" --tokens "$task/tokens.parquet"
  done
  unset PYTHONPATH
else
  echo "LINGO_ADAPTERS is not set: the values of bottlenecks stay as they are"
fi
# The gated variant scales by alpha over the target rank, PEFT by alpha over the initial one: the export folds it in.
cargo run -q -- run pipelines/demo.yaml --only binding --seeds 1 --methods ars --out "$run/gated" --set methods.ars.adaptive_rank_sampling.variant=gated --set methods.ars.adaptive_rank_sampling.learning_rate=0.01
oracle adapt_peft_roundtrip.py --cell "$run/gated/binding/ars/seed-1" --model "$run/gated/model" --tokens "$run/gated/binding/tokens.parquet"
# What one of lingo-pipe and huggingface_hub has fetched, the other finds.
cargo build -q
oracle hub_cache.py "${CARGO_TARGET_DIR:-target}/debug/lingo-pipe"
