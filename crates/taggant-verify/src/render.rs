//! Renderings of a report: a table for a terminal, Markdown, one self-contained HTML page.
//!
//! Nothing is computed here that is not in the report: JSON is canonical.

mod audit;
mod cohorts;
mod html;
mod plot;
mod table;

pub use html::html;
pub use table::{columns, markdown, table};
