//! The null of an audit: what share of keys each of its statistics accuses, where the suspect learned nothing of them.

mod cell;
mod closed;
mod open;
mod panel;
mod prompts;
mod served;
mod sizes;
mod suspect;
mod table;
mod world;

use std::time::Instant;

use anyhow::{Result, bail};

use cell::Cell;
use sizes::Sizes;
use world::{SETTINGS, World};

pub(crate) fn run(args: &[String]) -> Result<()> {
    let sizes = Sizes::parse(args)?;
    let start = Instant::now();
    let timed =
        |what: &str| eprintln!("calibrate: audit: {what} after {:.0} s", start.elapsed().as_secs_f64());
    let worlds = [World::new(1)?, World::new(2)?];
    timed("models trained");
    let mut cells: Vec<Cell> = Vec::new();
    for (number, setting) in SETTINGS.iter().enumerate() {
        let world = &worlds[setting.width - 1];
        let run = (number * RUNS) as u64;
        if setting.references > 0 {
            cells.extend(closed::innocent(world, setting, run, &sizes)?);
        }
        timed(&format!("{}: closed", setting.name));
        cells.extend(closed::wrong_keys(world, setting, run + 1, &sizes)?);
        timed(&format!("{}: wrong keys", setting.name));
        cells.extend(open::key_free(world, setting, run + 2, &sizes)?);
        timed(&format!("{}: open", setting.name));
        if let Some(reference) = setting.served {
            cells.extend(served::served(world, setting, reference, run + 4, &sizes)?);
        }
        timed(&format!("{}: served", setting.name));
    }
    cells.extend(prompts::copied(&worlds[1], &SETTINGS[0], RUNS as u64 - 1, &sizes)?);
    timed("prompts");
    let claims = table::claims(&cells);
    table::print(&sizes, &claims, &cells);
    let broken = claims.into_broken();
    if broken.is_empty() { Ok(()) } else { bail!("{}", broken.join("; ")) }
}

/// Runs of keys for each setting.
const RUNS: usize = 6;
