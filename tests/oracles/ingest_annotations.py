"""Start sites, donors and acceptors of human annotations as gffutils reads them.

Usage: python tests/oracles/ingest_annotations.py crates/ingest/tests/fixtures/annotations

Writes ensembl.gtf.gz and gencode.gtf.gz (genes, transcripts and exons of the excerpts that pyranges carries), ncbi.gff3 (some of those
genes in the layout of NCBI: the biotype stands on the gene, pseudogenes have their exons themselves, tags are a list with commas) and
expected.tsv with the columns case, label, place (chrom:start-end(strand)); rows sorted, each once.
Needs gffutils and pyranges (requirements.txt).
"""

import gzip
import sys
from pathlib import Path

import gffutils
import pyranges

PROMOTER, DONOR, ACCEPTOR = (8, 3), (3, 6), (20, 3)
KINDS = {"protein_coding": "mRNA", "lncRNA": "lnc_RNA", "lincRNA": "lnc_RNA", "miRNA": "primary_transcript"}


def excerpt(name, to):
    data = Path(pyranges.__file__).parent / "example_data" / name
    with gzip.open(data, "rt") as lines:
        kept = [line for line in lines if line[0] == "#" or line.split("\t")[2] in ("gene", "transcript", "exon")]
    with open(to, "wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", mtime=0) as packed:
        packed.write("".join(kept).encode())


def database(path):
    return gffutils.create_db(
        str(path), ":memory:", disable_infer_genes=True, disable_infer_transcripts=True, keep_order=True,
        merge_strategy="create_unique", id_spec={"gene": ["ID", "gene_id"], "transcript": ["ID", "transcript_id"]} if str(path).endswith(".gz") else "ID",
    )


def around(chrom, boundary, up, down, strand):
    left, right = (up, down) if strand == "+" else (down, up)
    return f"{chrom}:{boundary - left}-{boundary + right}({strand})"


def windows(transcript, exons):
    """Class and place; gffutils counts from 1, with the last base."""
    chrom, strand = transcript.seqid, transcript.strand
    site = transcript.start - 1 if strand == "+" else transcript.end
    yield "promoter", around(chrom, site, PROMOTER[0], PROMOTER[1] + 1, strand)
    exons = sorted(exons, key=lambda e: e.start)
    for left, right in zip(exons, exons[1:]):
        first, last = left.end, right.start - 1
        donor, acceptor = (first, last) if strand == "+" else (last, first)
        yield "donor", around(chrom, donor, *DONOR, strand)
        yield "acceptor", around(chrom, acceptor, *ACCEPTOR, strand)


def transcripts(db):
    for feature in db.all_features():
        if feature.featuretype in ("gene", "exon"):
            continue
        exons = list(db.children(feature, featuretype="exon", level=1))
        if feature.featuretype == "pseudogene" and not exons:
            continue
        above = list(db.parents(feature)) if feature.featuretype != "pseudogene" else []
        yield feature, exons, above


def value(key, feature, above):
    for one in [feature, *above]:
        if key in one.attributes:
            return list(one.attributes[key])
    return []


def write_ncbi(db, path):
    lines = ["##gff-version 3", "#!processor NCBI annotwriter"]
    number = 0
    for gene in list(db.features_of_type("gene"))[:40]:
        biotype, name = gene["gene_biotype"][0], gene["gene_id"][0]
        row = lambda kind, of, rest: lines.append("\t".join(["NC_000001.11", "BestRefSeq", kind, str(of.start), str(of.end), ".", gene.strand, ".", rest]))
        pseudo = "pseudogene" in biotype
        own = list(db.children(gene, featuretype="transcript"))
        row("pseudogene" if pseudo else "gene", own[0] if pseudo else gene, f"ID=gene-{name};Dbxref=GeneID:1,HGNC:HGNC:2;Name={name};gbkey=Gene;gene_biotype={biotype}")
        if pseudo:
            for i, exon in enumerate(db.children(own[0], featuretype="exon"), 1):
                row("exon", exon, f"ID=id-{name}-{i};Parent=gene-{name};gbkey=exon")
            continue
        for transcript in own:
            number += 1
            id = f"rna-NM_{number}.1"
            tags = ";tag=MANE Select,RefSeq Select" if number % 3 == 0 else ""
            row(KINDS.get(biotype, "transcript"), transcript, f"ID={id};Parent=gene-{name};Name=NM_{number}.1;product=a product%2C of {name}{tags}")
            for i, exon in enumerate(db.children(transcript, featuretype="exon"), 1):
                row("exon", exon, f"ID=exon-NM_{number}.1-{i};Parent={id};gbkey=mRNA")
    path.write_text("\n".join(lines) + "\n")


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    expected = set()
    for flavour, key in [("ensembl", "gene_biotype"), ("gencode", "gene_type")]:
        path = folder / f"{flavour}.gtf.gz"
        excerpt(f"{flavour}_human.gtf.gz", path)
        db = database(path)
        for transcript, exons, above in transcripts(db):
            for kind, place in windows(transcript, exons):
                expected.add((flavour, kind, place))
                if "basic" in transcript.attributes.get("tag", []):
                    expected.add((f"{flavour} basic", kind, place))
                if kind == "promoter":
                    expected.add((f"{flavour} {key}", ",".join(value(key, transcript, above)), place))
        if flavour == "ensembl":
            write_ncbi(db, folder / "ncbi.gff3")
    for transcript, exons, above in transcripts(database(folder / "ncbi.gff3")):
        for kind, place in windows(transcript, exons):
            expected.add(("ncbi", kind, place))
            if value("gene_biotype", transcript, above) == ["protein_coding"]:
                expected.add(("ncbi coding", kind, place))
            if "RefSeq Select" in value("tag", transcript, above):
                expected.add(("ncbi select", kind, place))
            if kind == "promoter":
                expected.add(("ncbi gene_biotype", value("gene_biotype", transcript, above)[0], place))
    (folder / "expected.tsv").write_text("".join("\t".join(row) + "\n" for row in sorted(expected)))


main()
