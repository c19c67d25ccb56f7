//! Writes a report of made-up cells, to look at it: `cargo run -p lingo-evaluate --example report -- FOLDER`.
//! Every number in it is invented and says so.

#[path = "../tests/common/made_up.rs"]
mod made_up;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("name a folder to write to")?;
    let plan = made_up::run(std::path::Path::new(&folder))?;
    lingo_evaluate::report(&plan)?;
    Ok(())
}
