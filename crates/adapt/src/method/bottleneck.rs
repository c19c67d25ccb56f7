//! `bottleneck`: small networks behind the sublayers of a block, or beside them, as the library `adapters` has them.

use lingo_artifact::bounded::{Positive, Rate};
use lingo_lm::{Activation, BottleneckInput};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::method::adaptation::{
    AdaptationMethod, BottleneckForm, BottleneckSettings, positive, rate,
};
use crate::settings::layers::LayerRange;

/// Settings of `bottleneck`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Bottleneck {
    /// Where the networks stand.
    pub placement: Placement,
    /// What the width of the model's states is divided by for the width of a network, rounded down. Default: 16;
    /// `parallel`: 2.
    pub reduction_factor: Option<Positive>,
    /// What stands between its two layers. Default: `relu`; `houlsby`: `swish`.
    pub non_linearity: Option<NonLinearity>,
    /// What its result is multiplied with. Default: 1; `parallel`: 4.
    pub scaling: Option<Positive>,
    /// Dropout of its result.
    pub dropout: Rate,
    /// Blocks to adapt, counted from 0: `0-5`, or `0,2,4`. Default: all.
    pub layers: Option<LayerRange>,
    /// Peak learning rate; default: that of `train`.
    pub learning_rate: Option<Positive>,
}

/// Where the networks of `bottleneck` stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Placement {
    /// Behind attention and behind the feed-forward layers (Houlsby et al. 2019; `DoubleSeqBnConfig`).
    Houlsby,
    /// Behind the feed-forward layers, where their sum has gone through the norm (Pfeiffer et al. 2020; `SeqBnConfig`).
    #[default]
    Pfeiffer,
    /// Beside the feed-forward layers (He et al. 2022; `ParBnConfig`).
    Parallel,
}

/// What stands between the two layers of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NonLinearity {
    /// `max(x, 0)`.
    Relu,
    /// `x Phi(x)`.
    Gelu,
    /// `x / (1 + e^-x)`.
    Swish,
}

impl Default for Bottleneck {
    fn default() -> Self {
        Self {
            placement: Placement::default(),
            reduction_factor: None,
            non_linearity: None,
            scaling: None,
            dropout: rate(0.0),
            layers: None,
            learning_rate: None,
        }
    }
}

impl AdaptationMethod for Bottleneck {
    fn name(&self) -> &'static str {
        "bottleneck"
    }

    fn learning_rate(&self) -> Option<f64> {
        self.learning_rate.map(Positive::get)
    }

    fn bottlenecks(&self) -> Option<BottleneckSettings<'_>> {
        let (reads, by, of, scaling) = match self.placement {
            Placement::Houlsby => (BottleneckInput::Output, 16.0, NonLinearity::Swish, 1.0),
            Placement::Pfeiffer => (BottleneckInput::Sum, 16.0, NonLinearity::Relu, 1.0),
            Placement::Parallel => (BottleneckInput::Stream, 2.0, NonLinearity::Relu, 4.0),
        };
        Some(BottleneckSettings {
            after_attention: self.placement == Placement::Houlsby,
            reduction_factor: self.reduction_factor.unwrap_or(positive(by)).get(),
            form: BottleneckForm {
                reads,
                activation: match self.non_linearity.unwrap_or(of) {
                    NonLinearity::Relu => Activation::Relu,
                    NonLinearity::Gelu => Activation::Gelu,
                    NonLinearity::Swish => Activation::Silu,
                },
                scaling: self.scaling.unwrap_or(positive(scaling)).get(),
                dropout: self.dropout.get(),
            },
            layers: self.layers.as_ref(),
        })
    }
}
