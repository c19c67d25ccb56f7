//! A pipeline as a picture: Mermaid text, which GitHub and most editors draw.

use crate::pipeline::resolved::{ModelPlan, Pipeline};

/// `graph LR ...`: model, tasks, methods, and what comes of them.
pub fn mermaid(pipeline: &Pipeline) -> String {
    let mut lines = vec!["graph LR".to_string()];
    match &pipeline.model {
        ModelPlan::Folder(folder) => lines.push(format!("  model[{}]", quoted(&folder.display()))),
        ModelPlan::Hub { model, .. } => lines.push(format!("  model[{}]", quoted(model))),
        ModelPlan::Pretrain { fasta, .. } => {
            lines.push(format!(
                "  genome[({})] -->|pretrain| model[model]",
                quoted(&fasta.display())
            ));
        }
    }
    for (i, task) in pipeline.tasks.iter().enumerate() {
        let scheme = task.tokenize.scheme.to_string();
        lines.push(format!(
            "  task{i}([{}]) -->|ingest| examples{i}[examples] -->|tokenize {}| tokens{i}[tokens]",
            quoted(&task.name),
            scheme.replace(':', " ")
        ));
        for (m, _) in pipeline.methods.iter().enumerate() {
            lines.push(format!("  tokens{i} --> method{m}"));
        }
    }
    for (m, (name, _)) in pipeline.methods.iter().enumerate() {
        let seeds = pipeline.seeds.len();
        lines.push(format!(
            "  model --> method{m}[{}]",
            quoted(&format!(
                "{name} x {seeds} seed{}",
                if seeds == 1 { "" } else { "s" }
            ))
        ));
        lines.push(format!("  method{m} -->|evaluate| report[report]"));
    }
    lines.join("\n") + "\n"
}

fn quoted(text: &impl ToString) -> String {
    format!("\"{}\"", text.to_string().replace('"', "'"))
}
