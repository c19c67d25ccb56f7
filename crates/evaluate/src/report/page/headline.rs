//! The result of a task in one sentence.

use crate::report::data::summary::best_on_dev;
use crate::report::data::task::TaskResults;
use crate::report::html::{escape, fixed};
use crate::report::page::parts::spread;

/// The best method on dev and its test result, in one sentence.
pub fn headline(task: &TaskResults) -> String {
    let Some(best) = best_on_dev(&task.methods, task.metric) else {
        return match &task.info.missing {
            Some(why) => format!("Not run: {}.", escape(why)),
            None => "No cell has finished yet.".to_string(),
        };
    };
    let Some(test) = best.test(task.metric) else {
        return "No test rows were scored.".to_string();
    };
    let among = task
        .methods
        .iter()
        .filter(|m| m.dev(task.metric).is_some())
        .count();
    let unlike = task.methods.iter().any(|method| task.is_unlike(method));
    let chosen = match (among > 1, unlike) {
        (true, false) => "the best on dev, ",
        (true, true) => "the best on dev of methods that were not all run alike, ",
        (false, _) => "",
    };
    let floor = task.floor().map_or(String::new(), |(floor, value)| {
        format!(
            "; counts of {} alone reach {}",
            floor.counts,
            fixed(value, 3)
        )
    });
    format!(
        "<strong>{}</strong>, {chosen}reaches a test {} of <strong>{}</strong>{}{floor}.",
        escape(best.method),
        task.metric_name(),
        spread(&test, 3),
        match test.n {
            1 => " with one seed".to_string(),
            n => format!(" over {n} seeds"),
        }
    )
}
