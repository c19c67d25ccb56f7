//! What the learning rate of each trained tensor is multiplied with.

use crate::method::adaptation::LowRankSettings;
use crate::network::adapted::Network;
use crate::network::store::ParameterStore;
use crate::settings::train_config::TrainConfig;

/// One factor for each entry of the store.
pub(crate) fn rates(
    network: &Network,
    store: &ParameterStore,
    settings: Option<&LowRankSettings>,
    config: &TrainConfig,
) -> Vec<f64> {
    let mut rates = vec![1.0; store.entries.len()];
    for delta in &network.deltas {
        rates[delta.up] = settings.map_or(1.0, |s| s.up_rate);
        if let Some(lambda) = delta.lambda {
            rates[lambda] = settings.map_or(1.0, |s| s.lambda_rate);
        }
    }
    if let Some(rows) = &network.rows {
        rates[rows.entry] = config.new_rows_rate.get();
    }
    let head = &network.head;
    let hidden = head
        .hidden
        .into_iter()
        .flat_map(|(weight, bias)| [weight, bias]);
    for entry in [head.weight].into_iter().chain(head.bias).chain(hidden) {
        rates[entry] = config.head_rate.get();
    }
    rates
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use lingo_artifact::vocabulary::NewRows;
    use lingo_lm::{DeviceChoice, Model, open_device};

    use super::*;
    use crate::method::methods::Method;
    use crate::network::adapted::NetworkPlan;
    use crate::settings::train_config::Pooling;

    #[test]
    fn each_kind_of_tensor_has_its_rate() {
        let bert = Path::new(env!("CARGO_MANIFEST_DIR")).join("../lm/tests/fixtures/bert");
        let device = open_device(DeviceChoice::Cpu).unwrap().autodiff();
        let method: Method = serde_json::from_str(
            r#"{"adaptive_rank_sampling": {"variant": "gated", "up_rate": 4, "lambda_rate": 0.5}}"#,
        )
        .unwrap();
        let new_rows = NewRows {
            trained: 2,
            composition: vec![vec![0], vec![1]],
            like_rows_from: None,
        };
        let plan = NetworkPlan {
            method: &method,
            norms: false,
            pooling: Pooling::Mean,
            outputs: 2,
            hidden: Some(3),
            new_rows: Some(&new_rows),
            base_dropout: false,
            pad: 0,
            recompute: false,
            seed: 0,
            silent_head: false,
        };
        let model = Model::load(&bert, &device).unwrap();
        let (network, store) = Network::build(model.into(), &plan).unwrap();
        let config = serde_json::from_str(r#"{"head_rate": 3, "new_rows_rate": 2}"#).unwrap();
        let found = rates(&network, &store, method.low_rank().as_ref(), &config);
        assert_eq!(found.len(), store.entries.len());
        for (entry, rate) in store.entries.iter().zip(found) {
            let expected = match entry.name.rsplit('.').next().unwrap() {
                "down" => 1.0,
                "up" => 4.0,
                "lambda" => 0.5,
                "new_rows" => 2.0,
                _ => 3.0,
            };
            assert_eq!(rate, expected, "{}", entry.name);
        }
    }
}
