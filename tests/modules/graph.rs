//! Directed graphs over names: circles, and an order from the top to the ground.

use std::collections::{BTreeMap, BTreeSet};

/// Who imports whom.
pub type Graph = BTreeMap<String, BTreeSet<String>>;

/// Every set of nodes that import one another in a circle, each in order of name.
pub fn circles(graph: &Graph) -> Vec<Vec<String>> {
    let reached: BTreeMap<&String, BTreeSet<String>> = graph
        .keys()
        .map(|node| (node, reachable(graph, node)))
        .collect();
    let mut seen = BTreeSet::new();
    let mut circles = Vec::new();
    for node in graph.keys() {
        if !reached[node].contains(node) || seen.contains(node) {
            continue;
        }
        let circle: Vec<String> = reached[node]
            .iter()
            .filter(|other| reached.get(other).is_some_and(|back| back.contains(node)))
            .cloned()
            .collect();
        seen.extend(circle.iter().cloned());
        circles.push(circle);
    }
    circles
}

fn reachable(graph: &Graph, from: &String) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(node) = open.pop() {
        for next in graph.get(node).into_iter().flatten() {
            if reached.insert(next.clone()) {
                open.push(next);
            }
        }
    }
    reached
}

/// The nodes from those that nobody imports down to those that import nothing; equal ones by name.
/// Of a graph with a circle, the circle's nodes come last.
pub fn from_the_top(graph: &Graph) -> Vec<String> {
    let mut left: BTreeSet<&String> = graph.keys().collect();
    let mut order = Vec::new();
    while !left.is_empty() {
        let free: Vec<&String> = left
            .iter()
            .filter(|node| {
                !left
                    .iter()
                    .any(|other| other != *node && graph[*other].contains(node.as_str()))
            })
            .copied()
            .collect();
        if free.is_empty() {
            order.extend(left.into_iter().cloned());
            break;
        }
        for node in free {
            left.remove(node);
            order.push(node.clone());
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::{Graph, circles, from_the_top};

    fn graph(edges: &[(&str, &[&str])]) -> Graph {
        edges
            .iter()
            .map(|(from, to)| ((*from).into(), to.iter().map(|to| (*to).into()).collect()))
            .collect()
    }

    #[test]
    fn circles_are_found_over_any_number_of_steps() {
        let round = graph(&[
            ("a", &["b"]),
            ("b", &["c"]),
            ("c", &["a"]),
            ("d", &["a"]),
            ("e", &[]),
        ]);
        assert_eq!(circles(&round), [["a", "b", "c"]]);
        assert!(circles(&graph(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &[])])).is_empty());
    }

    #[test]
    fn who_imports_stands_above_what_is_imported() {
        let house = graph(&[
            ("ground", &[]),
            ("roof", &["wall", "ground"]),
            ("wall", &["ground"]),
        ]);
        assert_eq!(from_the_top(&house), ["roof", "wall", "ground"]);
    }
}
