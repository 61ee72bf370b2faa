//! How much of marked training text is visible when: n-gram students, every scheme, access and statistic.

pub(crate) mod case;
mod grid;
pub(crate) mod lab;
mod margin;
mod reach;

use anyhow::{Result, bail};

/// Arguments: a part, and its sizes; without any, all parts.
pub(crate) fn run(args: &[String]) -> Result<()> {
    match args.split_first() {
        None => {
            println!("# What is visible when\n");
            margin::run(&[])?;
            reach::run(&[])?;
            grid::run(&[])
        }
        Some((part, rest)) => match &part[..] {
            "margin" => margin::run(rest),
            "reach" => reach::run(rest),
            "grid" => grid::run(rest),
            _ => bail!("no part {part:?}; expected margin, reach or grid"),
        },
    }
}

/// A number among the arguments, or its default.
fn number(args: &[String], at: usize, default: usize) -> Result<usize> {
    Ok(args.get(at).map_or(Ok(default), |text| text.parse())?)
}
