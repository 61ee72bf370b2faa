//! The commands, one file each.

pub(crate) mod audit;
pub(crate) mod calibrate;
pub(crate) mod demo;
pub(crate) mod explain;
pub(crate) mod generate;
pub(crate) mod keygen;
pub(crate) mod plan;
pub(crate) mod profile;
pub(crate) mod report;
pub(crate) mod selftest;
pub(crate) mod verify;
