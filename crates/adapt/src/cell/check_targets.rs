//! Whether a method finds its modules, before a model is loaded or pretrained.

use lingo_lm::{Family, Site};

use crate::error::Error;
use crate::method::methods::Method;
use crate::plan::bottlenecks::BottleneckPlan;
use crate::plan::model_shape::ModelShape;
use crate::plan::scales::scaled_sites;
use crate::plan::steps::chosen_sites;
use crate::pretrain::PretrainConfig;

/// Whether the modules that a method targets are in a model.
///
/// # Errors
/// [`Error::Config`]: a target that matches nothing, a block that is not there, a rank that a layer cannot have, a bottleneck of no width.
pub fn check_targets(shape: &ModelShape, method: &Method) -> Result<(), Error> {
    let config = &shape.config;
    targets_of(&shape.sites, config.family, method)?;
    bottlenecks_of(config.layers, config.hidden_size, method)
}

/// As [`check_targets`], for a model that is to be pretrained.
///
/// # Errors
/// As [`check_targets`].
pub fn check_targets_of_pretrained(config: &PretrainConfig, method: &Method) -> Result<(), Error> {
    targets_of(&pretrained_sites(config), Family::Bert, method)?;
    let [layers, hidden] = [config.layers, config.hidden].map(|n| n.get() as usize);
    bottlenecks_of(layers, hidden, method)
}

fn targets_of(sites: &[Site], family: Family, method: &Method) -> Result<(), Error> {
    if let Some(settings) = method.low_rank() {
        chosen_sites(sites, family, &settings)?;
    }
    if let Some(settings) = method.adaptation().scales() {
        scaled_sites(sites, &settings)?;
    }
    Ok(())
}

/// Whether a model of this shape has place for a method's bottlenecks.
fn bottlenecks_of(layers: usize, hidden: usize, method: &Method) -> Result<(), Error> {
    match method.adaptation().bottlenecks() {
        Some(settings) => BottleneckPlan::of(&settings, layers, hidden).map(|_| ()),
        None => Ok(()),
    }
}

/// The linear layers of the BERT that pretraining makes.
fn pretrained_sites(config: &PretrainConfig) -> Vec<Site> {
    const MODULES: [&str; 6] = [
        "attention.self.query",
        "attention.self.key",
        "attention.self.value",
        "attention.output.dense",
        "intermediate.dense",
        "output.dense",
    ];
    let (hidden, wide) = (
        config.hidden.get() as usize,
        config.feed_forward.get() as usize,
    );
    let blocks = 0..config.layers.get() as usize;
    blocks
        .flat_map(|layer| {
            MODULES.map(|module| Site {
                name: format!("encoder.layer.{layer}.{module}"),
                input: if module == "output.dense" {
                    wide
                } else {
                    hidden
                },
                output: if module == "intermediate.dense" {
                    wide
                } else {
                    hidden
                },
                layer: Some(layer),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use lingo_lm::{Model, ModelConfig};

    use super::*;

    #[test]
    fn a_pretrained_model_has_the_sites_that_are_expected_of_it() {
        let config: PretrainConfig = serde_json::from_value(serde_json::json!({
            "scheme": "base", "hidden": 8, "layers": 2, "heads": 2, "feed_forward": 12,
        }))
        .unwrap();
        let device = lingo_lm::open_device(lingo_lm::DeviceChoice::Cpu).unwrap();
        let made = ModelConfig::bert(16, 8, 2, 2, 12, 32);
        let model = Model::random(made, 1, &device).unwrap();
        let mut sites = model.sites().to_vec();
        sites.retain(|site| site.layer.is_some());
        assert_eq!(pretrained_sites(&config), sites);
    }
}
