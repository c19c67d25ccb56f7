//! Where the rank went while it was trained: of each layer, and of each kind of module, the triplets that live at a step.

use crate::report::data::cells::Cell;
use crate::report::data::task::TaskResults;
use crate::report::figures::figure::{Figure, Shown};
use crate::report::figures::grid::{self, Grid};
use crate::report::figures::heat::short;
use crate::report::figures::style::colour;
use crate::report::figures::tsv::Tsv;
use crate::report::html::{count, fixed};

/// At most so many moments are shown.
const MOMENTS: usize = 18;

/// One map for each method whose training logs say ranks by module.
pub fn rank_steps(task: &TaskResults) -> Vec<Figure> {
    task.methods
        .iter()
        .filter_map(|method| {
            // Seeds allocate at the same steps, but each has its own way: one is shown.
            let cell = method.cells.iter().find(|c| moments(c).len() > 1)?;
            let title = format!("Rank over steps by layer and module: {}", method.method);
            let id = format!("{}-rank-steps-{}", task.id, method.style);
            let (svg, data) = map(&id, &title, cell, &colour(method.style));
            Some(Figure {
                name: format!("{}.rank_steps.{}", task.info.name, method.method),
                title,
                shown: Shown::Drawing(svg),
                caption: format!(
                    "Mean of the triplets that live in a module: of the modules of each layer, and below of the modules of each kind, at the allocations of seed {}; the stronger the colour, the more.",
                    cell.seed
                ),
                key: Vec::new(),
                data,
            })
        })
        .collect()
}

/// Step and ranks by module, where the log has ranks of just the modules that the adapter has.
fn moments(cell: &Cell) -> Vec<(u64, &[u32])> {
    let modules = cell.rank_pattern.len();
    let events = cell.log.iter().filter_map(|event| {
        let pattern = event.rank_pattern.as_deref()?;
        (modules > 0 && pattern.len() == modules).then_some((event.step, pattern))
    });
    // What was logged twice, before and after a resumption, counts once.
    let by_step: std::collections::BTreeMap<u64, &[u32]> = events.collect();
    by_step.into_iter().collect()
}

/// The layers, then the kinds of modules: of each its name and the numbers of its modules.
fn groups(cell: &Cell) -> Vec<(String, Vec<usize>)> {
    let mut layers: Vec<(String, Vec<usize>)> = Vec::new();
    let mut kinds: Vec<(String, Vec<usize>)> = Vec::new();
    for (number, ((layer, module), _)) in cell.rank_pattern.iter().enumerate() {
        for (groups, name) in [
            (&mut layers, format!("layer {layer}")),
            (&mut kinds, short(module)),
        ] {
            match groups.iter_mut().find(|(known, _)| *known == name) {
                Some((_, of)) => of.push(number),
                None => groups.push((name, vec![number])),
            }
        }
    }
    layers.extend(kinds);
    layers
}

fn map(id: &str, title: &str, cell: &Cell, colour: &str) -> (String, Tsv) {
    let moments = moments(cell);
    let groups = groups(cell);
    let mut data = Tsv::new(&["seed", "step", "layer", "module", "rank"]);
    for (step, pattern) in &moments {
        for (((layer, module), _), rank) in cell.rank_pattern.iter().zip(*pattern) {
            let [seed, step, layer] = [cell.seed, *step, *layer].map(|n| n.to_string());
            data.row(&[seed, step, layer, module.clone(), rank.to_string()]);
        }
    }
    let every = moments.len().div_ceil(MOMENTS).max(1);
    // The last moment is always among them.
    let shown: Vec<&(u64, &[u32])> = moments.iter().rev().step_by(every).collect();
    let shown: Vec<&(u64, &[u32])> = shown.into_iter().rev().collect();
    let mean = |pattern: &[u32], of: &[usize]| {
        let sum: f64 = of.iter().map(|&m| f64::from(pattern[m])).sum();
        sum / of.len() as f64
    };
    let largest = shown
        .iter()
        .flat_map(|(_, pattern)| groups.iter().map(|(_, of)| mean(pattern, of)))
        .fold(1e-9, f64::max);
    let cells = groups.iter().map(|(_, of)| {
        let at = |(_, pattern): &&(u64, &[u32])| {
            Some(grid::Cell {
                shade: mean(pattern, of) / largest,
                ..grid::Cell::default()
            })
        };
        shown.iter().map(at).collect()
    });
    let said: Vec<String> = match (shown.first(), shown.last()) {
        (Some(first), Some(last)) => groups
            .iter()
            .map(|(name, of)| {
                let [was, now] = [first, last].map(|(_, pattern)| fixed(mean(pattern, of), 1));
                format!("{name}: {was} to {now}")
            })
            .collect(),
        _ => Vec::new(),
    };
    // Of many steps every third is named.
    let names =
        shown
            .iter()
            .enumerate()
            .map(|(i, (step, _))| match i % 3 == 0 || i + 1 == shown.len() {
                true => count(*step),
                false => String::new(),
            });
    let columns: Vec<String> = names.collect();
    let rows: Vec<String> = groups.iter().map(|(name, _)| name.clone()).collect();
    let left = 100.0;
    let grid = Grid {
        id,
        title,
        description: &format!("Mean rank, {}.", said.join("; ")),
        corner: "step",
        rows: &rows,
        columns: &columns,
        colour,
        left,
        cell: [((460.0 - left - 30.0) / shown.len() as f64).min(40.0), 20.0],
        cells: cells.collect(),
    };
    (grid.svg(460.0), data)
}
