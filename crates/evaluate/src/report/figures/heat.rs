//! Where the rank went: live triplets of each adapted module at the end.

use std::collections::BTreeMap;

use crate::report::data::task::TaskResults;
use crate::report::figures::figure::{Figure, Shown};
use crate::report::figures::grid::{Cell, Grid};
use crate::report::figures::style::colour;
use crate::report::figures::tsv::{Tsv, number};
use crate::report::html::fixed;

/// Ranks by (layer, module), one a seed.
type Ranks = BTreeMap<(u64, String), Vec<f64>>;

/// One small map for each method whose adapters say a rank pattern.
pub fn ranks(task: &TaskResults) -> Vec<Figure> {
    let mut maps = Vec::new();
    for method in &task.methods {
        let mut ranks = Ranks::new();
        // In the order of the adapter, which is that of the model.
        let mut modules: Vec<&str> = Vec::new();
        for cell in &method.cells {
            for (place, rank) in &cell.rank_pattern {
                if !modules.contains(&place.1.as_str()) {
                    modules.push(&place.1);
                }
                ranks.entry(place.clone()).or_default().push(*rank);
            }
        }
        if ranks.is_empty() {
            continue;
        }
        let id = format!("{}-rank-{}", task.id, method.style);
        let title = format!("Final rank by module: {}", method.method);
        let (svg, data) = map(&id, &title, &ranks, &modules, &colour(method.style));
        maps.push(Figure {
            name: format!("{}.final_rank.{}", task.info.name, method.method),
            title,
            shown: Shown::Drawing(svg),
            caption: "Live triplets of each adapted module at the end, mean over the seeds; rows are layers; the stronger the colour, the more.".into(),
            key: Vec::new(),
            data,
        });
    }
    maps
}

fn map(id: &str, title: &str, ranks: &Ranks, modules: &[&str], colour: &str) -> (String, Tsv) {
    let mut layers: Vec<u64> = ranks.keys().map(|k| k.0).collect();
    layers.dedup();
    let means: BTreeMap<_, f64> = ranks
        .iter()
        .map(|(k, v)| (k, v.iter().sum::<f64>() / v.len() as f64))
        .collect();
    let decimals = usize::from(means.values().any(|m| m.fract() > 0.049));
    let largest = means.values().copied().fold(1e-9, f64::max);
    let mut data = Tsv::new(&["layer", "module", "rank"]);
    let mut said = Vec::new();
    for ((layer, module), mean) in &means {
        data.row(&[layer.to_string(), module.clone(), number(Some(*mean))]);
        said.push(format!("layer {layer} {module}: {}", fixed(*mean, 1)));
    }
    let cell = |layer: u64, module: &str| {
        let mean = means.get(&(layer, module.to_string()))?;
        Some(Cell {
            shade: mean / largest,
            text: fixed(*mean, decimals),
            below: String::new(),
        })
    };
    let left = 34.0;
    let width = ((460.0 - left - 30.0) / modules.len() as f64).min(64.0);
    let of_layer = |layer: &u64| modules.iter().map(|m| cell(*layer, m)).collect();
    let rows: Vec<String> = layers.iter().map(u64::to_string).collect();
    let columns: Vec<String> = modules.iter().map(|m| short(m)).collect();
    let grid = Grid {
        id,
        title,
        description: &format!("{}.", said.join("; ")),
        corner: "layer",
        rows: &rows,
        columns: &columns,
        colour,
        left,
        cell: [width, 26.0],
        cells: layers.iter().map(of_layer).collect(),
    };
    (grid.svg(460.0), data)
}

/// `attention.self.query` as `query`, `attention.output.dense` as `attention.output`.
pub fn short(module: &str) -> String {
    let parts: Vec<&str> = module.split('.').filter(|p| *p != "self").collect();
    match parts.as_slice() {
        [.., owner, "dense"] if parts.len() > 2 => format!("attn. {owner}"),
        [owner, "dense"] => (*owner).to_string(),
        [.., last] => (*last).to_string(),
        [] => module.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn module_names_are_short() {
        assert_eq!(short("attention.self.query"), "query");
        assert_eq!(short("attention.output.dense"), "attn. output");
        assert_eq!(short("intermediate.dense"), "intermediate");
        assert_eq!(short("fc1"), "fc1");
    }
}
