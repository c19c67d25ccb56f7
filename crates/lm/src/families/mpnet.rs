//! MPNet (Song et al. 2020), as `transformers.MPNetModel` computes it: a BERT under names of its own, whose scores have a learnt part by
//! the distance of query and key; all blocks share it.

use serde_json::{Value, json};

use crate::config::family::Family;
use crate::config::keys::Keys;
use crate::config::model_config::ModelConfig;
use crate::config::positions::Positions;
use crate::error::Error;
use crate::families::bert;
use crate::families::block::{BlockPlan, Projections};
use crate::families::encoder::{self, Encoder, EncoderPlan};
use crate::families::family::{Classifier, Layers, ModelFamily, Reads};
use crate::parts::pass::Builder;

/// The family.
pub(crate) struct MpNetFamily;

/// The row of the first place: `transformers` counts from behind row 1 on, whatever the padding is.
const FIRST_POSITION: usize = 2;

const RELATIVE: &str = "encoder.relative_attention_bias";

const BUCKETS: &str = "relative_attention_num_buckets";

const KNOWN_BUCKETS: usize = 32;

impl ModelFamily for MpNetFamily {
    fn model_type(&self) -> &'static str {
        "mpnet"
    }

    fn architecture(&self) -> &'static str {
        "MPNetModel"
    }

    /// `MPNetForSequenceClassification`, whose head has two layers.
    fn classifier(&self) -> Classifier {
        Classifier {
            model: "mpnet",
            head: "classifier",
            bias: true,
            drops_out: true,
            reads: Reads::ThroughMoreLayers,
        }
    }

    fn is_decoder(&self) -> bool {
        false
    }

    fn default_targets(&self) -> &'static [&'static str] {
        &[
            "attn.q",
            "attn.k",
            "attn.v",
            "attn.o",
            "intermediate.dense",
            "output.dense",
        ]
    }

    fn is_embedding(&self, module: &str) -> bool {
        module.contains("embed") || module == RELATIVE
    }

    fn word_embedding(&self) -> &'static str {
        "embeddings.word_embeddings.weight"
    }

    fn read(&self, keys: &Keys) -> Result<ModelConfig, Error> {
        let config = encoder::read(keys, Family::MpNet, |_| FIRST_POSITION, 1)?;
        let buckets = keys.size_or(BUCKETS, KNOWN_BUCKETS)?;
        if buckets != KNOWN_BUCKETS {
            let problem =
                format!("is {buckets}; `transformers` computes {KNOWN_BUCKETS}, whatever is said");
            return Err(keys.bad(BUCKETS, problem));
        }
        Ok(ModelConfig {
            positions: Positions::Relative { buckets },
            type_vocab_size: 0,
            ..config
        })
    }

    fn write(&self, config: &ModelConfig) -> Value {
        let mut all = encoder::write(config, FIRST_POSITION);
        if let Positions::Relative { buckets } = config.positions {
            all[BUCKETS] = json!(buckets);
        }
        if let Some(all) = all.as_object_mut() {
            all.remove("type_vocab_size");
        }
        all
    }

    fn build(&self, config: &ModelConfig, builder: &mut Builder) -> Result<Box<dyn Layers>, Error> {
        let plan = EncoderPlan {
            first_position: Some(FIRST_POSITION),
            has_types: false,
            relative: Some(RELATIVE),
            ..bert::plan(config, FIRST_POSITION)
        };
        let block = |number| BlockPlan {
            projections: Projections::Apart([
                "attention.attn.q",
                "attention.attn.k",
                "attention.attn.v",
            ]),
            attention_output: "attention.attn.o",
            attention_norm: Some("attention.LayerNorm"),
            ..bert::block(number, config)
        };
        Ok(Box::new(Encoder::build(config, &plan, block, builder)?))
    }
}
