#!/usr/bin/env python3
"""Golden values for crates/tokenize, from transformers and tokenizers.

    python tests/oracles/tokenize_dna.py

Writes crates/tokenize/tests/fixtures: tiny model folders (a WordPiece BERT with padding and truncation
switched on; byte-level BPE as OPT, GPT-2 and Llama 3 have it; Llama 2's BPE), and golden.json:
  texts    ids of texts under each model's tokenizer, without and with special tokens, and of pairs
  peer     input_ids of benches/peers/train_gue.py itself, for `base` and `kmer:3:3`
  nt       tokens of transformers' EsmTokenizer with a Nucleotide-Transformer-like vocabulary
  dnabert  tokens of transformers' BertTokenizer over k-mers that were split beforehand, as DNABERT does
  bpe      merges and tokens of tokenizers' BpeTrainer
"""
import itertools, json, os, random, sys, tempfile

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertTokenizer, EsmTokenizer, PreTrainedTokenizerFast

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
FIXTURES = os.path.join(ROOT, "crates", "tokenize", "tests", "fixtures")

TEXTS = [
    "", "a", "Task: H3. Sequence: ", "Domain: DNA Promoter\nSequence: ", "\nAnnotation:", "unknowable zebra ¿",
    "acgt", "ACGTN" * 30, "  two  spaces ", "Is it a promoter?", "histone mark w17 w2000", "Überraschung naïve",
]
rng = random.Random(7)


def dna(n, letters="ACGT", weights=None):
    return "".join(rng.choices(letters, weights, k=n))


SEQUENCES = [
    "", "A", "AC", "ACG", "ACGT", "NNN", "N", "ACGN", "NACG", "ACNGTACNNNGTA", "ACGTACGTACGTN",
] + [dna(rng.randrange(1, 120), "ACGTN", [10, 10, 10, 10, w]) for w in (0, 0, 1, 1, 5, 20)]


def bert():
    words = "the of and in to was is it task sequence domain dna promoter histone mark annotation answer : . , ? h ##3 ##h ##task two spaces".split()
    letters = [chr(c) for c in range(97, 123)]
    vocab = ["[PAD]"] + [f"[unused{i}]" for i in range(9)] + ["[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocab += [w for w in words if w not in vocab]
    vocab += [w for w in letters + ["##" + l for l in letters] if w not in vocab]
    vocab += [f"w{i}" for i in range(2100 - len(vocab))]
    ids = {t: i for i, t in enumerate(vocab)}
    t = Tokenizer(models.WordPiece(ids, unk_token="[UNK]", max_input_chars_per_word=100))
    t.normalizer = normalizers.BertNormalizer(lowercase=True)
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    t.add_special_tokens([AddedToken(s, special=True) for s in special])
    t.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])])
    t.decoder = decoders.WordPiece()
    config = {"model_type": "bert", "vocab_size": len(vocab) + 4, "max_position_embeddings": 512, "pad_token_id": 0}
    return t, config


def opt():
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420, special_tokens=["<s>", "<pad>", "</s>", "<unk>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False)
    text = [x for x in TEXTS if "ACGTN" not in x] + ["Domain: DNA Promoter\nSequence: the histone mark\nAnnotation:"] * 3
    t.train_from_iterator(text, trainer)
    t.post_processor = processors.TemplateProcessing(
        single="</s> $A", pair="</s> $A </s>:1 $B:1", special_tokens=[("</s>", t.token_to_id("</s>"))])
    config = {"model_type": "opt", "vocab_size": t.get_vocab_size() + 8, "max_position_embeddings": 128, "pad_token_id": 1}
    return t, config


ENGLISH = ["Domain: DNA Promoter\nSequence: the histone mark\nAnnotation:", "Task: H3. Is it a promoter?"] * 3


def gpt2():
    """GPT-2's: bytes, no special tokens around a text."""
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=330, special_tokens=["<|endoftext|>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False)
    t.train_from_iterator(ENGLISH, trainer)
    t.post_processor = processors.ByteLevel(trim_offsets=False)
    return t, {"model_type": "gpt2", "vocab_size": t.get_vocab_size(), "max_position_embeddings": 1024}


def llama2():
    """Llama 1's and 2's: SentencePiece's BPE, `▁` for a space and before each text, bytes for what is unknown."""
    fallback = [f"<0x{b:02X}>" for b in range(256)]
    t = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    t.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    trainer = trainers.BpeTrainer(
        vocab_size=380, special_tokens=["<unk>", "<s>", "</s>"] + fallback, show_progress=False)
    t.train_from_iterator(ENGLISH, trainer)
    # The bytes are tokens of the model there, and none of the special ones.
    saved = json.loads(t.to_str())
    saved["added_tokens"] = saved["added_tokens"][:3]
    t = Tokenizer.from_str(json.dumps(saved))
    t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    t.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)])
    return t, {"model_type": "llama", "vocab_size": t.get_vocab_size(), "max_position_embeddings": 4096}


def llama3():
    """Llama 3's: bytes behind a split by a pattern, and words of the vocabulary taken whole."""
    t = Tokenizer(models.BPE(ignore_merges=True))
    pattern = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(pattern), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    t.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=330, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False)
    t.train_from_iterator(ENGLISH, trainer)
    t.add_special_tokens([AddedToken("<|begin_of_text|>", special=True)])
    begin = ("<|begin_of_text|>", t.token_to_id("<|begin_of_text|>"))
    t.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=True),
        processors.TemplateProcessing(
            single="<|begin_of_text|> $A", pair="<|begin_of_text|> $A <|begin_of_text|>:1 $B:1", special_tokens=[begin])])
    return t, {"model_type": "llama", "vocab_size": t.get_vocab_size(), "max_position_embeddings": 8192}


def write_model(name, tokenizer, config, padded):
    folder = os.path.join(FIXTURES, name)
    os.makedirs(folder, exist_ok=True)
    clean = Tokenizer.from_str(tokenizer.to_str())
    if padded:
        tokenizer.enable_truncation(16)
        tokenizer.enable_padding(length=16)
    # One line: thousands of tokens on as many lines would drown every diff.
    with open(os.path.join(folder, "tokenizer.json"), "w") as f:
        f.write(tokenizer.to_str() + "\n")
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump(config, f)
        f.write("\n")
    return clean


def texts(tokenizer):
    return [{
        "text": s,
        "plain": tokenizer.encode(s, add_special_tokens=False).ids,
        "framed": tokenizer.encode(s).ids,
        "pair": tokenizer.encode(s, "a").ids,
    } for s in TEXTS]


def peer(tokenizer):
    sys.path.insert(0, os.path.join(ROOT, "benches", "peers"))
    import train_gue
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, cls_token="[CLS]", sep_token="[SEP]", pad_token="[PAD]", unk_token="[UNK]")
    return {s: [{"sequence": x, "ids": train_gue.encoder(s, fast)(x)} for x in SEQUENCES] for s in ("base", "kmer:3:3")}


def nucleotide_transformer(k):
    kmers = ["".join(p) for p in itertools.product("ATCG", repeat=k)]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "vocab.txt")
        with open(path, "w") as f:
            f.write("\n".join(["<unk>", "<pad>", "<mask>", "<cls>", "<eos>", "<bos>"] + kmers + list("ATCGN")))
        t = EsmTokenizer(vocab_file=path, eos_token=None)
        return [{"sequence": s, "tokens": t.tokenize(s)} for s in SEQUENCES]


def dnabert(k):
    kmers = ["".join(p) for p in itertools.product("ATCG", repeat=k)]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "vocab.txt")
        with open(path, "w") as f:
            f.write("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + kmers))
        vocab = {line.strip(): i for i, line in enumerate(open(path))}
        t = BertTokenizer(vocab=vocab, do_lower_case=False)

    def split(s):  # DNABERT's seq2kmer
        return " ".join(s[i : i + k] for i in range(len(s) + 1 - k))

    return [{"sequence": s, "tokens": t.convert_ids_to_tokens(t.encode(split(s), add_special_tokens=False))} for s in SEQUENCES]


def bpe():
    # Skewed letters and repeats, so that there are ties, and tokens that two merges make.
    train = [dna(rng.randrange(20, 300), "ACGTN", [6, 2, 2, 6, 0.1]) + "A" * rng.randrange(12) for _ in range(60)]
    train += ["ACGT" * 9, "TTTTTTTT", "N", "ANCNG", ""]
    out = []
    for size in (16, 64, 400):
        t = Tokenizer(models.BPE(unk_token="[UNK]"))
        t.pre_tokenizer = pre_tokenizers.Split(Regex("[ACGT]+|."), "isolated")
        trainer = trainers.BpeTrainer(
            vocab_size=size, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
            initial_alphabet=list("ACGNT"), show_progress=False)
        t.train_from_iterator(train, trainer)
        model = json.loads(t.to_str())["model"]
        merges = [m if isinstance(m, list) else m.split(" ") for m in model["merges"]]
        vocab = sorted(model["vocab"], key=model["vocab"].get)
        out.append({"vocab_size": size, "vocab": vocab, "merges": merges,
                    "encoded": [{"sequence": s, "ids": t.encode(s).ids} for s in SEQUENCES + train[:5]]})
    return {"train": train, "trained": out}


def main():
    os.makedirs(FIXTURES, exist_ok=True)
    b = write_model("bert", *bert(), padded=True)
    o = write_model("opt", *opt(), padded=False)
    others = {f.__name__: write_model(f.__name__, *f(), padded=False) for f in (gpt2, llama2, llama3)}
    golden = {
        "texts": {"bert": texts(b), "opt": texts(o)} | {name: texts(t) for name, t in others.items()},
        "peer": peer(b),
        "nt": {str(k): nucleotide_transformer(k) for k in (2, 3, 6)},
        "dnabert": {str(k): dnabert(k) for k in (3, 6)},
        "bpe": bpe(),
    }
    with open(os.path.join(FIXTURES, "golden.json"), "w") as f:
        json.dump(golden, f, separators=(",", ":"))
        f.write("\n")


if __name__ == "__main__":
    main()
