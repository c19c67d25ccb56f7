//! ESM (Rives et al. 2021, Lin et al. 2023), as `transformers.EsmModel` computes it: norms before each sublayer, learnt positions or rotary
//! ones. The Nucleotide Transformer (Dalla-Torre et al. 2024) is one; its second version has gated feed-forward layers, by the code beside
//! its weights.

use lingo_kernels::NormPlace;
use serde_json::{Value, json};

use crate::config::activation::Activation;
use crate::config::family::Family;
use crate::config::keys::Keys;
use crate::config::model_config::{EsmConfig, ModelConfig, OfFamily};
use crate::config::positions::{Positions, Rotary};
use crate::error::Error;
use crate::families::bert;
use crate::families::block::{Biases, BlockPlan, Gate};
use crate::families::encoder::{self, Encoder, EncoderPlan, TokenDropout};
use crate::families::family::{Classifier, Layers, ModelFamily, Reads};
use crate::families::roberta::first_position;
use crate::parts::pass::Builder;

/// The family.
pub(crate) struct EsmFamily;

/// What the second Nucleotide Transformer says beside ESM's keys: whether its feed-forward layers have biases.
const GATED: &str = "add_bias_fnn";

/// The base of ESM's rotary embedding, where nothing is said.
const BASE: f64 = 10_000.0;

impl ModelFamily for EsmFamily {
    fn model_type(&self) -> &'static str {
        "esm"
    }

    fn architecture(&self) -> &'static str {
        "EsmModel"
    }

    /// `EsmForSequenceClassification`, whose head has two layers.
    fn classifier(&self) -> Classifier {
        Classifier {
            model: "esm",
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
        bert::LINEAR_LAYERS
    }

    fn word_embedding(&self) -> &'static str {
        "embeddings.word_embeddings.weight"
    }

    /// Keys that may be absent take the defaults of `transformers`' `EsmConfig`.
    fn read(&self, keys: &Keys) -> Result<ModelConfig, Error> {
        if keys.flag_or("is_folding_model", false)? {
            return Err(keys.bad(
                "is_folding_model",
                "is true; only language models are known".to_owned(),
            ));
        }
        let positions = match keys.text_or("position_embedding_type", "absolute")? {
            "absolute" => Positions::Embedded,
            // The size of a head is not known yet.
            "rotary" => Positions::Rotary(Rotary::plain(keys.number_or("rope_theta", BASE)?, 0)),
            other => {
                return Err(keys.bad(
                    "position_embedding_type",
                    format!("is `{other}`; known are `absolute` and `rotary`"),
                ));
            }
        };
        let first = |padding| match positions {
            Positions::Embedded => first_position(padding),
            _ => 0,
        };
        let config = encoder::read(keys, Family::Esm, first, 1)?;
        let gate = match keys.has(GATED) {
            true => Some(keys.flag_or(GATED, true)?),
            false => None,
        };
        let token_dropout = keys.flag_or("token_dropout", false)?;
        let positions = match positions {
            Positions::Rotary(rotary) => Positions::Rotary(Rotary {
                size: config.head_size / 2 * 2,
                ..rotary
            }),
            other => other,
        };
        Ok(ModelConfig {
            positions,
            type_vocab_size: 0,
            activation: match gate {
                Some(_) => Activation::Silu,
                None => Activation::Gelu,
            },
            of_family: OfFamily::Esm(EsmConfig {
                norm_before: keys.flag_or("emb_layer_norm_before", false)?,
                token_dropout,
                mask_token_id: match token_dropout {
                    true => Some(keys.id("mask_token_id")?),
                    false => None,
                },
                gate,
            }),
            ..config
        })
    }

    fn write(&self, config: &ModelConfig) -> Value {
        let own = config.esm();
        let (kind, first) = match config.positions {
            Positions::Embedded => ("absolute", first_position(config.pad_token_id)),
            _ => ("rotary", 0),
        };
        let mut all = encoder::write(config, first);
        all["position_embedding_type"] = json!(kind);
        if let Positions::Rotary(rotary) = config.positions {
            all["rope_theta"] = json!(rotary.base);
        }
        all["emb_layer_norm_before"] = json!(own.norm_before);
        all["token_dropout"] = json!(own.token_dropout);
        if let Some(mask) = own.mask_token_id {
            all["mask_token_id"] = json!(mask);
        }
        if let Some(bias) = own.gate {
            all[GATED] = json!(bias);
        }
        if let Some(all) = all.as_object_mut() {
            all.remove("hidden_act");
            all.remove("type_vocab_size");
        }
        all
    }

    fn build(&self, config: &ModelConfig, builder: &mut Builder) -> Result<Box<dyn Layers>, Error> {
        let own = config.esm();
        let plan = EncoderPlan {
            embeddings: "embeddings",
            words: "word_embeddings",
            first_position: match config.positions {
                Positions::Embedded => Some(first_position(config.pad_token_id)),
                _ => None,
            },
            has_types: false,
            norm: own.norm_before.then_some("embeddings.layer_norm"),
            dropout: 0.0,
            token_dropout: own.mask_token_id.map(|mask| TokenDropout { mask }),
            relative: None,
            final_norm: Some("encoder.emb_layer_norm_after"),
        };
        let block = |number| {
            let with_bias = own.gate.unwrap_or(true);
            BlockPlan {
                place: NormPlace::Before,
                attention_norm: Some("attention.LayerNorm"),
                gate: match own.gate {
                    Some(_) => Gate::Within,
                    None => Gate::None,
                },
                feed_forward_norm: "LayerNorm",
                biases: Biases {
                    first: with_bias,
                    second: with_bias,
                    ..Biases::every(true)
                },
                ..bert::block(number, config)
            }
        };
        Ok(Box::new(Encoder::build(config, &plan, block, builder)?))
    }
}
