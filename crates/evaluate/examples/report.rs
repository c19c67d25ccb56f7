//! Writes a report of made-up cells, to look at it: `cargo run -p lingo-evaluate --example report -- FOLDER [MORE]`,
//! with so many tasks more.
//! Every number in it is invented and says so.

#[path = "../tests/common/made_up.rs"]
mod made_up;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("name a folder to write to")?;
    let more = std::env::args().nth(2).map_or(Ok(0), |more| more.parse())?;
    let plan = made_up::run_with_more(std::path::Path::new(&folder), more)?;
    lingo_evaluate::report(&plan)?;
    Ok(())
}
