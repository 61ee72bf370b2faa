//! Every mark that Taggant can read, behind one registry.
//!
//! A [`Profile`] is the public description of a mark, read from TOML; its `dialect` names an entry of
//! [`DIALECTS`]. [`Profile::open`] joins it with [`KeyMaterial`] and gives a [`Reader`] for the verifier and,
//! where the dialect can write, a [`Writer`] for a sampler. A dialect is one file behind these traits;
//! what verifies knows none of them by name, and what makes marks knows our own.
//!
//! ```
//! use taggant_dialects::{KeyMaterial, Profile};
//!
//! # fn main() -> Result<(), taggant_dialects::Error> {
//! let profile = Profile::from_toml(
//!     r#"
//!     dialect = "taggant-1"
//!     scheme = "green"
//!     context_width = 2
//!     gamma = "1/4"
//!     delta = 2.0
//!     epoch = "2026q4"
//!     "#,
//! )?;
//! let opened = profile.open(&KeyMaterial::from_text("5a".repeat(32)))?;
//! assert_eq!(opened.reader.context_rule().width.len(), 2);
//! assert_eq!(profile.digest(), "c577c53c55f96564bb207f019afa214001ed456f80de91448eb4a55f0b8afb34");
//! # Ok(())
//! # }
//! ```
//!
//! A [`Commitment`] fixes a key and a profile in public without showing the key.
//!
//! [`Reader`]: taggant::reader::Reader
//! [`Writer`]: taggant::writer::Writer

mod commitment;
mod dialect;
mod error;
mod key_material;
mod profile;
pub mod selftest;
mod taggant_1;

pub use commitment::Commitment;
pub use dialect::{DIALECTS, Dialect, Opened, Parameters};
pub use error::Error;
pub use key_material::KeyMaterial;
pub use profile::Profile;
pub use taggant_1::to_toml;
