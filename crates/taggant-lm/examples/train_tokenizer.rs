//! Trains the tokenizer on the embedded texts and rewrites `data/tokenizer.json`, or the file named as the only
//! argument. The same texts give the same bytes; a test trains it again and compares.
//!
//! ```console
//! $ cargo run --release -p taggant-lm --example train_tokenizer
//! ```

use std::error::Error;
use std::path::PathBuf;

use taggant_lm::{Author, BOUNDARY_TEXT, VOCAB_SIZE, text};
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::normalizers::NormalizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::processors::PostProcessorWrapper;
use tokenizers::{AddedToken, TokenizerBuilder};

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let path = std::env::args_os().nth(1).map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/data/tokenizer.json")),
        PathBuf::from,
    );
    let json = train()?;
    std::fs::write(&path, &json)?;
    eprintln!("wrote {} bytes to {}", json.len(), path.display());
    Ok(())
}

/// The contents of a `tokenizer.json` with a vocabulary of [`VOCAB_SIZE`] tokens.
pub(crate) fn train() -> Result<String, Box<dyn Error + Send + Sync>> {
    // No normalizer and no space put in front, so that decoding gives back the very text.
    let byte_level = ByteLevel::default().add_prefix_space(false);
    let mut tokenizer = TokenizerBuilder::<BPE, NormalizerWrapper, _, PostProcessorWrapper, _>::new()
        .with_model(BPE::default())
        .with_pre_tokenizer(Some(byte_level))
        .with_decoder(Some(byte_level))
        .build()?;

    // Special tokens are numbered first: the boundary gets id 0. The 256 bytes come next, the merges last.
    let mut trainer = BpeTrainer::builder()
        .vocab_size(VOCAB_SIZE)
        .special_tokens(vec![AddedToken::from(BOUNDARY_TEXT, true)])
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .show_progress(false)
        .build();

    let texts = Author::ALL.iter().copied().map(text).collect::<Result<Vec<_>, _>>()?;
    tokenizer.train(&mut trainer, texts.iter().flat_map(|text| text.lines()))?;
    tokenizer.to_string(false)
}
