//! The vocabulary map: ids of the scheme -> rows of the model's embedding.

use std::collections::HashMap;

use lingo_artifact::vocabulary::NewRows;

use crate::config::VocabularyMap;
use crate::dna::dna_tokenizer::DnaTokenizer;
use crate::error::Error;
use crate::nucleotide::base_index;
use crate::special_tokens::SPECIAL_COUNT;
use crate::vocabulary::model_vocabulary::ModelVocabulary;

/// The row of each id of a scheme, and the rows that the model does not have yet.
#[derive(Clone, Debug, PartialEq)]
pub struct EmbeddingRows {
    /// `reuse`, `extend`, `compose` or `own`.
    pub map: &'static str,
    /// The row of each id of the scheme.
    pub rows: Vec<u32>,
    /// New rows behind the model's own.
    pub new_rows: Option<NewRows>,
}

impl EmbeddingRows {
    /// Gives each id of the scheme its row.
    ///
    /// # Errors
    /// [`Error::Vocabulary`]: a letter without a token, a row that is special, taken or past the end.
    pub fn new(
        dna: &DnaTokenizer,
        model: &ModelVocabulary,
        map: VocabularyMap,
        reuse_from: u32,
    ) -> Result<Self, Error> {
        if model.own {
            return Ok(Self::own(dna));
        }
        if let (DnaTokenizer::Kmer(kmers), Some(known)) = (dna, model.kmers)
            && *kmers == known
            && map == VocabularyMap::Reuse
        {
            return Ok(Self::by_text(dna, model));
        }
        let texts = dna.texts();
        let (rows, new_rows) = match (map, dna) {
            (VocabularyMap::Reuse, _) => reuse(&texts, model, reuse_from).map(|rows| (rows, None)),
            (VocabularyMap::Compose, DnaTokenizer::Kmer(kmer)) if kmer.k() > 1 => {
                compose(&texts, kmer.k() as u32, model, reuse_from)
                    .map(|(rows, new)| (rows, Some(new)))
            }
            (VocabularyMap::Compose, DnaTokenizer::Bpe(_)) => Err(
                "a merged token has no fixed number of positions; use `reuse` or `extend`"
                    .to_string(),
            ),
            // The sum of one position is that position: composing single bases is extending.
            (VocabularyMap::Extend | VocabularyMap::Compose, _) => {
                let n = texts.len() as u32;
                let rows = (model.vocab_size..model.vocab_size + n).collect();
                let composition = (0..n).map(|i| vec![i]).collect();
                Ok((
                    rows,
                    Some(NewRows {
                        trained: n,
                        composition,
                        like_rows_from: None,
                    }),
                ))
            }
        }
        .map_err(|message| Error::Vocabulary {
            map: map.as_str(),
            scheme: dna.scheme().map(|s| s.to_string()).unwrap_or_default(),
            message,
        })?;
        Ok(Self {
            map: map.as_str(),
            rows,
            new_rows,
        })
    }

    /// The rows of a model whose vocabulary is of these k-mers; what has none is unknown (N in DNABERT's).
    fn by_text(dna: &DnaTokenizer, model: &ModelVocabulary) -> Self {
        let unknown = model.unknown.unwrap_or(0);
        let texts = dna.texts();
        let rows = texts.iter().map(|t| model.row(t).unwrap_or(unknown));
        Self {
            map: "own",
            rows: rows.collect(),
            new_rows: None,
        }
    }

    /// The ids of the exported tokenizer, where an overlapping k-mer with an N is `[UNK]`.
    fn own(dna: &DnaTokenizer) -> Self {
        let n = dna.texts().len() as u32;
        let mut rows: Vec<u32> = (SPECIAL_COUNT..SPECIAL_COUNT + n).collect();
        if let (DnaTokenizer::Kmer(kmer), Some(last)) = (dna, rows.last_mut())
            && !kmer.has_single_bases()
            && kmer.k() > 1
        {
            *last = 1;
        }
        Self {
            map: "own",
            rows,
            new_rows: None,
        }
    }
}

/// Which of A, C, G, T, N a text of one letter is.
fn letter(text: &str) -> Option<usize> {
    match text.as_bytes() {
        [b'N'] => Some(4),
        [base] => base_index(*base).map(|i| i as usize),
        _ => None,
    }
}

/// The model's own rows for the longer tokens, where it has one for each: it was pretrained on the scheme.
fn own_rows<'a>(texts: &'a [String], model: &ModelVocabulary) -> Option<HashMap<&'a str, u32>> {
    let longer = texts.iter().filter(|text| letter(text).is_none());
    longer
        .map(|text| Some((text.as_str(), model.row(text)?)))
        .collect()
}

fn reuse(texts: &[String], model: &ModelVocabulary, from: u32) -> Result<Vec<u32>, String> {
    let letters = model.letter_rows()?;
    let own = own_rows(texts, model);
    let mut taken: HashMap<u32, &str> = HashMap::new();
    let mut next = from;
    let mut rows = Vec::with_capacity(texts.len());
    for text in texts {
        let row = match letter(text) {
            Some(i) => letters[i],
            None => match &own {
                Some(own) => own[text.as_str()],
                None => {
                    next += 1;
                    next - 1
                }
            },
        };
        if row >= model.vocab_size {
            return Err(format!(
                "`{text}` would take row {row}, but the model has {} rows; {} tokens from row {from} on do not fit: \
                 lower `reuse_from`, take a scheme with fewer tokens, or use `extend` or `compose`",
                model.vocab_size,
                texts.iter().filter(|t| letter(t).is_none()).count(),
            ));
        }
        // N may share the row of what is unknown, which is special: that is what it means.
        if letter(text).is_none() && model.special.contains(&row) {
            return Err(format!(
                "`{text}` would take row {row}, which is a special token of the model; choose another `reuse_from`"
            ));
        }
        if let Some(other) = taken.insert(row, text) {
            return Err(format!(
                "`{text}` and `{other}` would both take row {row}; choose another `reuse_from`"
            ));
        }
        rows.push(row);
    }
    Ok(rows)
}

/// Vector 4 p + b is for base b at position p of a k-mer; a single base uses position 0; N stays the model's.
fn compose(
    texts: &[String],
    k: u32,
    model: &ModelVocabulary,
    from: u32,
) -> Result<(Vec<u32>, NewRows), String> {
    let n_row = match model.row("n").or_else(|| model.row("N")).or(model.unknown) {
        Some(row) => row,
        None => {
            return Err(
                "the model has neither a token `n` nor an unknown token, for N".to_string(),
            );
        }
    };
    let mut rows = Vec::with_capacity(texts.len());
    let mut composition = Vec::new();
    for text in texts {
        let vectors: Option<Vec<u32>> = (0..)
            .zip(text.bytes())
            .map(|(p, b)| base_index(b).map(|b| 4 * p + b))
            .collect();
        match vectors {
            Some(vectors) => {
                rows.push(model.vocab_size + composition.len() as u32);
                composition.push(vectors);
            }
            None => rows.push(n_row),
        }
    }
    Ok((
        rows,
        NewRows {
            trained: 4 * k,
            composition,
            like_rows_from: (from < model.vocab_size).then_some(from),
        },
    ))
}
