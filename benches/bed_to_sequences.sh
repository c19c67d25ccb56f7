#!/usr/bin/env bash
# `lingo-pipe ingest` beside `bedtools getfasta -s`: are the sequences the same bytes?
#   benches/bed_to_sequences.sh GENOME.fa[.gz] INTERVALS.bed      (needs bedtools and the built binary)
# The file as it is, then again with the strands flipped at random (seeded).
set -euo pipefail
genome=$1 bed=$2
lingo=${LINGO_PIPE:-lingo-pipe}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
case "$genome" in *.gz) gzip -dc "$genome" > "$work/g.fa" ;; *) cp "$genome" "$work/g.fa" ;; esac
# Names of their own make the two outputs comparable line by line.
awk 'BEGIN{FS=OFS="\t"} {$4="r" NR; print}' "$bed" > "$work/as-is.bed"
awk 'BEGIN{FS=OFS="\t"; srand(1)} {$4="r" NR; $6=(rand()<.5)?"+":"-"; print}' "$bed" > "$work/flipped.bed"
for which in as-is flipped; do
  bedtools getfasta -s -nameOnly -tab -fi "$work/g.fa" -bed "$work/$which.bed" | sed 's/([+-])\t/\t/' | sort > "$work/peer"
  "$lingo" ingest --fasta "$genome" --bed "$work/$which.bed" --label-column 5 --out "$work/ours.tsv"
  awk -F'\t' 'NR==1{for(i=1;i<=NF;i++)c[$i]=i; next} {print $c["id"] "\t" $c["sequence"]}' "$work/ours.tsv" | sort > "$work/ours"
  total=$(wc -l < "$work/peer")
  same=$(comm -12 "$work/peer" "$work/ours" | wc -l)
  echo "$which: $same of $total sequences are equal to bedtools getfasta -s"
  [ "$same" = "$total" ]
done
