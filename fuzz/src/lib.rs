//! What the fuzz targets do with their bytes.
//!
//! Each function takes any bytes and must return: nothing that a file or a caller's data can hold may panic. Where
//! more can be said of the result than that, it is asserted.
//!
//! They are plain functions, so that `tests/smoke.rs` runs them on a stable toolchain too.

mod jsonl;
mod profile;
mod report;
mod session;
mod vectors;

pub use jsonl::jsonl;
pub use profile::profile;
pub use report::report;
pub use session::session;
pub use vectors::vectors;
