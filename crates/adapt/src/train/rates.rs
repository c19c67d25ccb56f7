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
    for entry in [Some(network.head.weight), network.head.bias]
        .into_iter()
        .flatten()
    {
        rates[entry] = config.head_rate.get();
    }
    rates
}
