//! The two vocabularies: the embedded one, and a larger one that is trained on the texts themselves.

use anyhow::{Result, anyhow};
use taggant::TokenId;
use taggant_lm::{Tokenizer, VOCAB_SIZE};
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::normalizers::NormalizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::processors::PostProcessorWrapper;
use tokenizers::{TokenizerBuilder, TokenizerImpl};

use super::corpora::Text;

/// A text's documents as token ids.
pub(super) type Documents = Vec<Vec<TokenId>>;

/// A tokenizer.
#[derive(Debug)]
pub(super) enum Vocabulary {
    /// That of `taggant-lm`: 4,096 tokens, trained on two of the texts.
    Embedded(Box<Tokenizer>),
    /// 16,384 tokens, trained on the first [`TRAINED_BYTES`] of every text.
    Trained(Box<ByteLevelBpe>),
}

type ByteLevelBpe = TokenizerImpl<BPE, NormalizerWrapper, ByteLevel, PostProcessorWrapper, ByteLevel>;

impl Vocabulary {
    /// Both.
    pub(super) fn both(texts: &[Text]) -> Result<[Self; 2]> {
        Ok([Self::Embedded(Box::new(Tokenizer::embedded())), Self::Trained(Box::new(train(texts)?))])
    }

    /// How many token ids.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Embedded(_) => VOCAB_SIZE,
            Self::Trained(_) => TRAINED_SIZE,
        }
    }

    /// The first documents of a text, as many as hold `n_tokens` tokens, or all.
    pub(super) fn documents(&self, text: &Text, n_tokens: usize) -> Result<Documents> {
        let (mut documents, mut left) = (Documents::new(), n_tokens);
        for document in text.documents() {
            if left == 0 {
                break;
            }
            let mut tokens = self.encode(document)?;
            tokens.truncate(left);
            left -= tokens.len();
            documents.push(tokens);
        }
        Ok(documents)
    }

    fn encode(&self, text: &str) -> Result<Vec<TokenId>> {
        match self {
            Self::Embedded(tokenizer) => Ok(tokenizer.encode(text)?),
            Self::Trained(tokenizer) => Ok(library(tokenizer.encode_fast(text, false))?.get_ids().to_vec()),
        }
    }
}

/// Byte-level BPE as the embedded one is made; the same texts give the same tokens.
fn train(texts: &[Text]) -> Result<ByteLevelBpe> {
    let byte_level = ByteLevel::default().add_prefix_space(false);
    let mut tokenizer: ByteLevelBpe = library(
        TokenizerBuilder::new()
            .with_model(BPE::default())
            .with_pre_tokenizer(Some(byte_level))
            .with_decoder(Some(byte_level))
            .build(),
    )?;
    let mut trainer = BpeTrainer::builder()
        .vocab_size(TRAINED_SIZE)
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .show_progress(false)
        .build();
    library(tokenizer.train(&mut trainer, texts.iter().flat_map(|text| text.lines_of_first(TRAINED_BYTES))))?;
    Ok(tokenizer)
}

fn library<T>(result: tokenizers::Result<T>) -> Result<T> {
    result.map_err(|error| anyhow!("tokenizers: {error}"))
}

const TRAINED_SIZE: usize = 16_384;

/// How much of each text the larger vocabulary is trained on, in bytes.
const TRAINED_BYTES: usize = 1_000_000;
