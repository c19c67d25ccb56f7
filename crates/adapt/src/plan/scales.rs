//! Which linear layers a method with learned factors adapts, and on which side.

use burn::tensor::Tensor;
use lingo_lm::{Site, SiteScale};

use crate::error::Error;
use crate::method::adaptation::ScaleSettings;
use crate::plan::targets::matching;

/// What of a linear layer is multiplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScaledSide {
    Input,
    Output,
}

impl ScaledSide {
    /// The number of factors.
    pub fn width(self, site: &Site) -> usize {
        match self {
            Self::Input => site.input,
            Self::Output => site.output,
        }
    }

    /// The factors where the model takes them.
    pub fn of(self, factors: Tensor<2>) -> SiteScale {
        match self {
            Self::Input => SiteScale::Input(factors),
            Self::Output => SiteScale::Output(factors),
        }
    }
}

/// Keys and values of the families, as PEFT's `TRANSFORMERS_MODELS_TO_IA3_TARGET_MODULES_MAPPING` has them.
const KEYS_AND_VALUES: [&str; 9] = [
    "attention.self.key",
    "attention.self.value",
    "k_proj",
    "v_proj",
    "k_lin",
    "v_lin",
    "Wqkv",
    "c_attn",
    "query_key_value",
];
/// The layers behind the activation, as its `TRANSFORMERS_MODELS_TO_IA3_FEEDFORWARD_MODULES_MAPPING` has them. (BERT's
/// `output.dense` there is also the end of `attention.output.dense`.)
const BEHIND_ACTIVATION: [&str; 8] = [
    "output.dense",
    "fc2",
    "ffn.lin2",
    "mlp.wo",
    "mlp.Wo",
    "down_proj",
    "mlp.c_proj",
    "dense_4h_to_h",
];

/// The sites that a method with factors adapts, as indices, and which side of each.
pub(crate) fn scaled_sites(
    sites: &[Site],
    settings: &ScaleSettings,
) -> Result<Vec<(usize, ScaledSide)>, Error> {
    let owned = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
    let there = |names: &[&str]| -> Vec<String> {
        let ends = |name: &&&str| matching(sites, &[**name], None).is_ok();
        owned(&names.iter().filter(ends).copied().collect::<Vec<_>>())
    };
    let inputs = match settings.inputs {
        Some(inputs) => inputs.to_vec(),
        None => there(&BEHIND_ACTIVATION),
    };
    let targets = match settings.targets {
        Some(targets) => targets.to_vec(),
        None => [there(&KEYS_AND_VALUES), inputs.clone()].concat(),
    };
    let chosen = matching(sites, &targets, settings.layers)?;
    let inputs = match inputs.is_empty() {
        true => Vec::new(),
        false => matching(sites, &inputs, None)?,
    };
    let side = |site: &usize| match inputs.contains(site) {
        true => ScaledSide::Input,
        false => ScaledSide::Output,
    };
    Ok(chosen.into_iter().map(|site| (site, side(&site))).collect())
}
