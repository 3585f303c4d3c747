//! Both halves of the campaign in one table; whatever has not been run is in it.

use super::catalogue::Catalogue;
use super::page;
use super::table::{self, Line};
use std::path::Path;

/// Reads `sim.csv` and `live.csv`, writes `faults.csv` and `faults.html`.
///
/// # Errors
/// When a file cannot be read or written.
pub fn merge(folder: &Path, catalogue: &Catalogue) -> anyhow::Result<Vec<Line>> {
    let read = |name: &str| {
        let path = folder.join(name);
        if path.exists() { table::read(&path) } else { Ok(Vec::new()) }
    };
    let lines = complete(read("sim.csv")?, read("live.csv")?, catalogue);
    table::write(&folder.join("faults.csv"), &lines)?;
    std::fs::write(folder.join("faults.html"), page::render(&lines, catalogue)?)?;
    Ok(lines)
}

/// Every row of the catalogue in its order, and what the catalogue does not know behind it.
pub fn complete(sim: Vec<Line>, live: Vec<Line>, catalogue: &Catalogue) -> Vec<Line> {
    let mut left: Vec<Line> = sim.into_iter().chain(live).collect();
    let mut take = |world: &str, id: &str, otherwise: Line| {
        let is_it = |line: &Line| line.get("world") == world && line.get("row") == id;
        left.iter().position(is_it).map_or(otherwise, |index| left.remove(index))
    };
    let mut lines: Vec<Line> =
        catalogue.rows.iter().map(|row| take("sim", &row.id, Line::not_run(row))).collect();
    lines.extend(catalogue.live.iter().map(|row| take("live", &row.id, Line::not_run_live(row))));
    lines.extend(left.into_iter().map(Line::unknown));
    lines
}
