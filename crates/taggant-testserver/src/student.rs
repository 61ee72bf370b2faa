//! The model behind the server.

use std::collections::HashMap;

use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use serde_json::Value;
use taggant::sampling::{SamplingParams, UnmarkedSampler};
use taggant_lm::{Author, BOUNDARY, Error, KneserNey, Tokenizer};

/// An n-gram model over the embedded tokenizer, and the bytes of its tokens.
#[derive(Clone, Debug)]
pub struct Student {
    model: KneserNey,
    tokenizer: Tokenizer,
    bytes: Vec<Vec<u8>>,
}

/// How an answer is drawn.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The fewest tokens: the student does not end before.
    pub min_tokens: u64,
    /// The most tokens.
    pub max_tokens: u64,
    /// Temperature and truncation.
    pub sampling: SamplingParams,
    /// The seed of the draw.
    pub seed: u64,
    /// How many of the most likely tokens are told.
    pub top: usize,
}

/// One drawn token.
#[derive(Clone, Debug, PartialEq)]
pub struct Draw {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The model's own ln p of it, before temperature and truncation.
    pub ln_p: f64,
    /// The most likely tokens and theirs, the likeliest first (ties: the lower id).
    pub top: Vec<(Vec<u8>, f64)>,
}

impl Student {
    /// A student of `order` that has read `documents`, tokens of [`Tokenizer::embedded`].
    ///
    /// # Errors
    /// As [`KneserNey::train`].
    pub fn train(documents: &[impl AsRef<[u32]>], order: usize) -> Result<Self, Error> {
        let ended = |document: &[u32]| [document, &[BOUNDARY]].concat();
        let documents: Vec<Vec<u32>> = documents.iter().map(|document| ended(document.as_ref())).collect();
        let tokenizer = Tokenizer::embedded();
        let model = KneserNey::train(&documents, order, tokenizer.vocab_size())?;
        let bytes = token_bytes(&tokenizer);
        Ok(Self { model, tokenizer, bytes })
    }

    /// A student of order 4 that has read the first paragraphs of an embedded author, about `n_bytes` of them.
    ///
    /// # Errors
    /// None that a test does not rule out.
    pub fn of(author: Author, n_bytes: usize) -> Result<Self, Error> {
        let text = taggant_lm::text(author)?;
        let tokenizer = Tokenizer::embedded();
        let mut documents = Vec::new();
        let mut left = n_bytes;
        for line in text.lines() {
            documents.push(tokenizer.encode(line)?);
            left = left.saturating_sub(line.len());
            if left == 0 {
                break;
            }
        }
        Self::train(&documents, 4)
    }

    /// Goes on where `prompt` ends. The second value says whether the student ended by itself.
    ///
    /// # Errors
    /// When the prompt cannot be tokenized.
    pub fn answer(&self, prompt: &str, settings: &Settings) -> Result<(Vec<Draw>, bool), Error> {
        let mut history = self.tokenizer.encode(prompt)?;
        let mut rng = ChaCha8Rng::seed_from_u64(settings.seed);
        let mut sampler = UnmarkedSampler::new();
        let mut row = vec![0.0; self.model.vocab_size()];
        let mut draws = Vec::new();
        while (draws.len() as u64) < settings.max_tokens {
            self.model.logits_into(&history, &mut row)?;
            if (draws.len() as u64) < settings.min_tokens {
                row[BOUNDARY as usize] = f32::NEG_INFINITY;
            }
            let token = sampler.sample(&row, &settings.sampling, &mut rng).unwrap_or(BOUNDARY);
            if token == BOUNDARY {
                return Ok((draws, true));
            }
            let top = self.top(&history, settings.top)?;
            let ln_p = self.model.ln_prob(&history, token)?;
            draws.push(Draw { bytes: self.bytes[token as usize].clone(), ln_p, top });
            history.push(token);
        }
        Ok((draws, false))
    }

    fn top(&self, history: &[u32], n: usize) -> Result<Vec<(Vec<u8>, f64)>, Error> {
        if n == 0 {
            return Ok(Vec::new());
        }
        let row = self.model.log_probs(history)?;
        let mut order: Vec<usize> = (0..row.len()).collect();
        order.sort_by(|a, b| row[*b].total_cmp(&row[*a]));
        Ok(order.into_iter().take(n).map(|token| (self.bytes[token].clone(), row[token])).collect())
    }

    /// How many tokens a prompt has.
    pub(crate) fn n_tokens(&self, prompt: &str) -> usize {
        self.tokenizer.encode(prompt).map_or(0, |tokens| tokens.len())
    }
}

/// The bytes of every token, from the vocabulary of the tokenizer's file, in which each byte is written as a character
/// that can be seen: byte-level BPE.
fn token_bytes(tokenizer: &Tokenizer) -> Vec<Vec<u8>> {
    let is_plain = |byte: &u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    let (plain, others): (Vec<u8>, Vec<u8>) = (0..=255).partition(is_plain);
    let shown = plain.iter().map(|&byte| char::from(byte)).chain((256_u32..).filter_map(char::from_u32));
    let byte_of: HashMap<char, u8> = shown.zip(plain.iter().chain(&others).copied()).collect();
    let mut bytes = vec![Vec::new(); tokenizer.vocab_size()];
    let file: Value = serde_json::from_slice(tokenizer.json()).unwrap_or_default();
    for (text, id) in file["model"]["vocab"].as_object().into_iter().flatten() {
        if let Some(entry) = id.as_u64().and_then(|id| bytes.get_mut(id as usize)) {
            *entry = text.chars().filter_map(|c| byte_of.get(&c).copied()).collect();
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(seed: u64, top: usize) -> Settings {
        Settings { min_tokens: 0, max_tokens: 40, sampling: SamplingParams::default(), seed, top }
    }

    #[test]
    fn bytes_of_tokens_are_those_that_the_tokenizer_decodes() {
        let tokenizer = Tokenizer::embedded();
        let bytes = token_bytes(&tokenizer);
        for token in 1..tokenizer.vocab_size() as u32 {
            let bytes = &bytes[token as usize];
            assert!(!bytes.is_empty());
            assert_eq!(String::from_utf8_lossy(bytes), tokenizer.decode(&[token]).unwrap(), "{token}");
        }
        let text = "na\u{ef}ve \u{4e16}\n";
        let tokens = tokenizer.encode(text).unwrap();
        let joined: Vec<u8> = tokens.iter().flat_map(|token| bytes[*token as usize].clone()).collect();
        assert_eq!(joined, text.as_bytes());
    }

    #[test]
    fn answers_follow_from_prompt_and_seed() {
        let student = Student::of(Author::Austen, 100_000).unwrap();
        let answer = |prompt, seed| student.answer(prompt, &settings(seed, 0)).unwrap();
        assert_eq!(answer("She was", 1), answer("She was", 1));
        assert_ne!(answer("She was", 1), answer("She was", 2));
        assert_ne!(answer("She was", 1), answer("He said", 1));
    }

    #[test]
    fn the_likeliest_tokens_come_in_order_and_hold_the_models_own_numbers() {
        let student = Student::of(Author::Austen, 100_000).unwrap();
        let (draws, _) = student.answer("She", &settings(5, 3)).unwrap();
        assert!(!draws.is_empty());
        for draw in draws {
            assert!(draw.top.is_sorted_by(|a, b| a.1 >= b.1) && draw.top.len() == 3);
            assert!(draw.ln_p <= draw.top[0].1);
            if let Some(same) = draw.top.iter().find(|top| top.0 == draw.bytes) {
                assert!((same.1 - draw.ln_p).abs() < 1e-12);
            }
        }
    }
}
