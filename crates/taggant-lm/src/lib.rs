//! The small language model that Taggant's demonstration, tests and power curves run on: real prose by two authors, a
//! tokenizer trained on it, and an n-gram model with Kneser-Ney smoothing that is trained in a second, in memory.
//!
//! [`text()`] unpacks the prose, [`Tokenizer`] turns it into token ids, and [`KneserNey`] learns from those. The model
//! gives what a watermark needs from a language model: a row of logits over the vocabulary after any history.
//!
//! ```
//! use taggant_lm::{KneserNey, Tokenizer};
//!
//! let tokenizer = Tokenizer::embedded();
//! let tokens = tokenizer.encode("the cat sat on the mat, and the dog sat on the cat")?;
//! let model = KneserNey::train(&[tokens], 4, tokenizer.vocab_size())?;
//!
//! let mut row = vec![0.0; model.vocab_size()];
//! model.logits_into(&tokenizer.encode("the dog sat on")?, &mut row)?;
//! let most_likely = (0..).zip(&row).max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
//! assert_eq!(tokenizer.decode(&[most_likely])?, " the");
//! # Ok::<(), taggant_lm::Error>(())
//! ```
//!
//! # What it is for
//!
//! A whole experiment on one machine, without weights and without a network: a teacher writes watermarked text, a
//! student learns from it, and a test looks for the mark in what the student writes. Both are models of this crate,
//! trained on different text. Everything is deterministic.
//!
//! # What it is not
//!
//! It is not a good language model: its text is fluent over a few words and means nothing. A student of this kind
//! learns a watermark as counts over a few tokens, so what is measured on it, such as how much text a test needs, shows
//! that the method works and how its parts compare. It says nothing about how much text a neural network would need.

mod context_tree;
mod error;
mod followers;
mod generate;
mod interpolation;
mod kneser_ney;
mod padding;
mod text;
mod tokenizer;

pub use error::Error;
pub use generate::complete;
pub use kneser_ney::{KneserNey, MAX_ORDER};
pub use padding::BOUNDARY;
pub use text::{Author, text};
pub use tokenizer::{BOUNDARY_TEXT, Tokenizer, VOCAB_SIZE};
