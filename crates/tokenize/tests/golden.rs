//! Against transformers and tokenizers: values made by `tests/oracles/tokenize_dna.py`.

// clippy.toml allows these in tests; the functions that tests share are tests too.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lingo_artifact::progress::Silent;
use lingo_tokenize::bpe::Bpe;
use lingo_tokenize::scheme::KmerScheme;
use lingo_tokenize::{DnaTokenizer, Encoder, ModelVocabulary, Scheme, TokenizeConfig};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    texts: BTreeMap<String, Vec<Text>>,
    peer: BTreeMap<String, Vec<Ids>>,
    nt: BTreeMap<u8, Vec<Tokens>>,
    dnabert: BTreeMap<u8, Vec<Tokens>>,
    bpe: TrainedBpe,
}

#[derive(Deserialize)]
struct Text {
    text: String,
    plain: Vec<u32>,
    framed: Vec<u32>,
    pair: Vec<u32>,
}

#[derive(Deserialize)]
struct Ids {
    sequence: String,
    ids: Vec<u32>,
}

#[derive(Deserialize)]
struct Tokens {
    sequence: String,
    tokens: Vec<String>,
}

#[derive(Deserialize)]
struct TrainedBpe {
    train: Vec<String>,
    trained: Vec<OneBpe>,
}

#[derive(Deserialize)]
struct OneBpe {
    vocab_size: u32,
    vocab: Vec<String>,
    merges: Vec<(String, String)>,
    encoded: Vec<Ids>,
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn golden() -> Golden {
    let text = std::fs::read_to_string(fixtures().join("golden.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn model(name: &str) -> ModelVocabulary {
    ModelVocabulary::load(&fixtures().join(name)).unwrap()
}

#[test]
fn texts_and_their_frames_equal_those_of_the_models_tokenizer() {
    for (name, texts) in golden().texts {
        let model = model(&name);
        let one = model.encode("a").unwrap();
        for t in texts {
            let frame = &model.frame;
            assert_eq!(
                model.encode(&t.text).unwrap(),
                t.plain,
                "{name} `{}`",
                t.text
            );
            let framed = [&frame.before[..], &t.plain, &frame.after].concat();
            assert_eq!(framed, t.framed, "{name} `{}`", t.text);
            let pair = [
                &frame.before[..],
                &t.plain,
                &frame.between,
                &one,
                &frame.after,
            ]
            .concat();
            assert_eq!(pair, t.pair, "{name} `{}`", t.text);
        }
    }
}

#[test]
fn input_ids_equal_those_of_the_peer_script() {
    for (scheme, cases) in golden().peer {
        let scheme: Scheme = scheme.parse().unwrap();
        let config = TokenizeConfig::new(scheme.clone());
        let encoder = Encoder::new(&model("bert"), &config, &BTreeMap::new(), None).unwrap();
        for case in cases {
            let found = encoder.encode_pair(&case.sequence, None).unwrap();
            assert_eq!(found.ids, case.ids, "{scheme} {}", case.sequence);
        }
    }
}

#[test]
fn k_mers_are_cut_as_the_nucleotide_transformer_and_dnabert_cut_them() {
    fn t(scheme: KmerScheme, cases: &[Tokens], unknown: &str) {
        let tokenizer = DnaTokenizer::Kmer(scheme);
        let mut texts = tokenizer.texts();
        texts[tokenizer.unknown() as usize] = unknown.to_string();
        assert!(!cases.is_empty());
        for case in cases {
            let ids = tokenizer.encode(&case.sequence).unwrap();
            let found: Vec<&String> = ids.iter().map(|i| &texts[*i as usize]).collect();
            assert_eq!(
                found,
                case.tokens.iter().collect::<Vec<_>>(),
                "{scheme:?} {}",
                case.sequence
            );
        }
    }
    let golden = golden();
    for (k, cases) in &golden.nt {
        t(KmerScheme::new(*k, *k).unwrap(), cases, "N");
    }
    for (k, cases) in &golden.dnabert {
        t(KmerScheme::new(*k, 1).unwrap(), cases, "[UNK]");
    }
}

#[test]
fn merges_and_tokens_equal_those_of_the_bpe_trainer() {
    let golden = golden().bpe;
    for expected in golden.trained {
        let bpe = Bpe::train(golden.train.iter(), expected.vocab_size, &Silent).unwrap();
        assert_eq!(bpe.merges(), expected.merges, "{}", expected.vocab_size);
        assert_eq!(bpe.texts(), &expected.vocab[5..]);
        let tokenizer = DnaTokenizer::Bpe(bpe);
        for case in expected.encoded {
            let ids = tokenizer.encode(&case.sequence).unwrap();
            let ids: Vec<u32> = ids.iter().map(|id| id + 5).collect();
            assert_eq!(ids, case.ids, "{} {}", expected.vocab_size, case.sequence);
        }
    }
}

#[test]
fn merges_do_not_depend_on_threads_or_on_the_run() {
    let train = golden().bpe.train;
    let learn = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            Bpe::train(train.iter(), 400, &Silent)
                .unwrap()
                .merges()
                .to_vec()
        })
    };
    let first = learn(1);
    for threads in [1, 2, 3] {
        assert_eq!(learn(threads), first, "{threads} threads");
    }
}

#[test]
fn dna_through_byte_level_and_wordpiece_tokenizers_is_their_text() {
    // Pieces of bytes come back whole, lower case as upper case; WordPiece keeps its words below 100 letters.
    let byte_level = ["opt", "gpt2", "llama2", "llama3"];
    let cases = byte_level.map(|name| (name, "ACGTNacgtu"));
    for (name, sequence) in cases.into_iter().chain([("bert", "ACGGT")]) {
        let model = model(name);
        let mut config = TokenizeConfig::new(Scheme::Model);
        config.prefix = Some("Task: {task}. Sequence: {sequence}".to_string());
        let keys = BTreeMap::from([("task".to_string(), "H3".to_string())]);
        let encoder = Encoder::new(&model, &config, &keys, None).unwrap();
        let found = encoder.encode_pair(sequence, None).unwrap();
        let upper = sequence.to_uppercase().replace('U', "T");
        let dna = model.encode(&upper).unwrap();
        let prefix = model.encode("Task: H3. Sequence: ").unwrap();
        let frame = &model.frame;
        let expected = [&frame.before[..], &prefix, &dna, &frame.after].concat();
        assert_eq!(found.ids, expected, "{name}");
        let decoded = lingo_tokenize::Decoder::new(&encoder).sequences(&found.ids);
        if byte_level.contains(&name) {
            assert_eq!(decoded.unwrap(), (upper, None));
        }
    }
}
