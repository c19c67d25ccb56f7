//! The jobs of a plan as a picture: Mermaid text. The cells of a task are one node, so that large plans stay readable.

use std::collections::BTreeSet;

use super::job::{Job, Work};

/// `graph LR ...`: what is done, by stage and task, and what waits for what.
pub fn mermaid(jobs: &[Job]) -> String {
    let mut nodes: Vec<(&'static str, &str, usize)> = Vec::new();
    let mut node_of = Vec::with_capacity(jobs.len());
    let mut edges = BTreeSet::new();
    for job in jobs {
        let (stage, task) = (job.work.stage(), task(&job.work));
        let known = nodes.iter().position(|(s, t, _)| (*s, *t) == (stage, task));
        let node = known.unwrap_or_else(|| {
            nodes.push((stage, task, 0));
            nodes.len() - 1
        });
        nodes[node].2 += 1;
        edges.extend(
            job.needs
                .iter()
                .filter_map(|&need| Some((*node_of.get(need)?, node))),
        );
        node_of.push(node);
    }
    let mut lines = vec!["graph LR".to_owned()];
    for (i, (stage, task, count)) in nodes.iter().enumerate() {
        let task = task.replace('"', "'");
        let times = match count {
            1 => String::new(),
            n => format!(" x {n}"),
        };
        lines.push(format!(
            "  job{i}[\"{}{times}\"]",
            format!("{stage} {task}").trim()
        ));
    }
    // What comes of everything waits for everything: only for what nothing else waits for is it drawn.
    let last = nodes
        .iter()
        .position(|(stage, ..)| *stage == Work::Report.stage());
    let is_waited_for = |node| {
        edges
            .iter()
            .any(|&(from, to)| from == node && Some(to) != last)
    };
    for &(from, to) in &edges {
        if Some(to) != last || !is_waited_for(from) {
            lines.push(format!("  job{from} --> job{to}"));
        }
    }
    lines.join("\n") + "\n"
}

fn task(work: &Work) -> &str {
    match work {
        Work::Model | Work::AdaptFirst | Work::Report => "",
        Work::Examples { task }
        | Work::Tokens { task }
        | Work::Floor { task }
        | Work::Adapt { task, .. }
        | Work::Score { task, .. } => task,
    }
}

#[cfg(test)]
mod tests {
    use lingo_artifact::digest::Digest;

    use super::*;

    #[test]
    fn the_cells_of_a_task_are_one_node() {
        let job = |index, work, needs| Job {
            index,
            work,
            id: Digest::of_bytes(b"id"),
            needs,
        };
        let task = || "t".to_owned();
        let cell = |seed| (task(), "lora".to_owned(), seed);
        let adapt = |seed| {
            let (task, method, seed) = cell(seed);
            Work::Adapt { task, method, seed }
        };
        let score = |seed| {
            let (task, method, seed) = cell(seed);
            Work::Score { task, method, seed }
        };
        let jobs = [
            job(0, Work::Examples { task: task() }, vec![]),
            job(1, Work::Tokens { task: task() }, vec![0]),
            job(2, adapt(1), vec![1]),
            job(3, adapt(2), vec![1]),
            job(4, score(1), vec![2]),
            job(5, score(2), vec![3]),
            job(6, Work::Report, (0..6).collect()),
        ];
        assert_eq!(
            mermaid(&jobs),
            "graph LR\n  job0[\"examples t\"]\n  job1[\"tokens t\"]\n  job2[\"adapt t x 2\"]\n  job3[\"score t x 2\"]\n  \
             job4[\"report\"]\n  job0 --> job1\n  job1 --> job2\n  job2 --> job3\n  job3 --> job4\n"
        );
    }
}
