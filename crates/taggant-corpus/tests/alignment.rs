//! Alignment against brute force, with two tokenizers that are trained here: one byte-level, one of SentencePiece's kind.

#![allow(clippy::unwrap_used, reason = "a test that unwraps an error fails, as it should")]

use std::collections::HashMap;
use std::sync::OnceLock;

use serde_json::{Value, json};
use taggant_corpus::{Aligned, Alignment, LnRow, SuspectToken, Tokenizer};
use tokenizers::decoders::byte_level::ByteLevel;
use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};

/// Jane Austen, Pride and Prejudice (1813), chapter 1, and a few characters of more than one byte.
const AUSTEN: &str = "It is a truth universally acknowledged, that a single man in possession of a good fortune, must be in \
    want of a wife. However little known the feelings or views of such a man may be on his first entering a \
    neighbourhood, this truth is so well fixed in the minds of the surrounding families, that he is considered as the \
    rightful property of some one or other of their daughters. “My dear Mr. Bennet,” said his lady to him one day, “have \
    you heard that Netherfield Park is let at last?” Mr. Bennet replied that he had not. “But it is,” returned she; “for \
    Mrs. Long has just been here, and she told me all about it.” Mr. Bennet made no answer. “Do not you want to know who \
    has taken it?” cried his wife impatiently. “You want to tell me, and I have no objection to hearing it.” This was \
    invitation enough.";

const TEXTS: [&str; 9] = [
    AUSTEN,
    "“Why, my dear, you must know,” said Mrs. Long, — and it was so.",
    "Größe, naïveté: 日本語 and 😀😀 in\none line\tor  two   spaces",
    " the truth, with a space before",
    "  two before",
    "é",
    " ",
    "",
    "truth is truth is truth",
];

/// A tokenizer, and what each of its tokens spells, found out in another way.
struct Known {
    tokenizer: Tokenizer,
    inner: tokenizers::Tokenizer,
    spelled: HashMap<u32, Vec<u8>>,
}

impl Known {
    fn from_json(json: &Value, spell: impl Fn(&str) -> Vec<u8>) -> Self {
        let json = json.to_string();
        let inner: tokenizers::Tokenizer = json.parse().unwrap();
        let spelled = inner.get_vocab(true).into_iter().map(|(token, id)| (id, spell(&token))).collect();
        Self { tokenizer: Tokenizer::from_bytes(json.as_bytes(), "t").unwrap(), inner, spelled }
    }

    fn encode(&self, text: &str) -> Vec<u32> {
        self.inner.encode(text, false).unwrap().get_ids().to_vec()
    }

    /// Start of each token, before which a space may have been added.
    fn starts(&self, text: &str) -> Vec<(u32, i64)> {
        let ids = self.encode(text);
        let len: usize = ids.iter().map(|id| self.spelled[id].len()).sum();
        let mut start = text.len() as i64 - len as i64;
        assert!((-1..=0).contains(&start), "{text}");
        let step = |&id: &u32| {
            start += self.spelled[&id].len() as i64;
            (id, start - self.spelled[&id].len() as i64)
        };
        ids.iter().map(step).collect()
    }

    /// The token that spells bytes, a piece before a byte that stands in for it.
    fn token(&self, bytes: &[u8]) -> Option<u32> {
        let all = self.spelled.iter().filter(|(_, spelled)| *spelled == bytes).map(|(&id, _)| id);
        all.max_by_key(|&id| !self.inner.id_to_token(id).unwrap().starts_with("<0x"))
    }
}

fn train(mut tokenizer: tokenizers::Tokenizer, vocab_size: usize, alphabet: Vec<char>) -> Value {
    let trainer = BpeTrainer::builder().show_progress(false).vocab_size(vocab_size).min_frequency(1);
    let trainer = trainer.initial_alphabet(alphabet.into_iter().collect()).build();
    tokenizer.train(&mut TrainerWrapper::from(trainer), AUSTEN.split_inclusive(". ")).unwrap();
    serde_json::from_str(&tokenizer.to_string(false).unwrap()).unwrap()
}

fn byte_level() -> &'static Known {
    static KNOWN: OnceLock<Known> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let mut tokenizer = tokenizers::Tokenizer::new(BPE::default());
        tokenizer.with_pre_tokenizer(Some(ByteLevel::new(false, true, true)));
        tokenizer.with_decoder(Some(ByteLevel::default()));
        // Offsets without leading spaces, as GPT-2 and its like have them.
        tokenizer.with_post_processor(Some(ByteLevel::default().trim_offsets(true)));
        let json = train(tokenizer, 400, ByteLevel::alphabet().into_iter().collect());
        // GPT-2's table, in the words of its own file.
        let mut bytes: Vec<u32> = (0x21..=0x7e).chain(0xa1..=0xac).chain(0xae..=0xff).collect();
        let mut characters = bytes.clone();
        for byte in 0..256 {
            if !bytes.contains(&byte) {
                characters.push(256 + bytes.len() as u32 - 188);
                bytes.push(byte);
            }
        }
        Known::from_json(&json, |token| {
            let place = |character| characters.iter().position(|&other| other == u32::from(character));
            token.chars().map(|character| bytes[place(character).unwrap()] as u8).collect()
        })
    })
}

fn metaspace() -> &'static Known {
    static KNOWN: OnceLock<Known> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let mut tokenizer = tokenizers::Tokenizer::new(BPE::default());
        tokenizer.with_pre_tokenizer(Some(Metaspace::new('▁', PrependScheme::First, true)));
        let mut json = train(tokenizer, 300, Vec::new());
        json["decoder"] = json!({"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"},
            {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]});
        json["model"]["byte_fallback"] = true.into();
        let vocab = json["model"]["vocab"].as_object_mut().unwrap();
        let n = vocab.len();
        (0..256).for_each(|byte| drop(vocab.insert(format!("<0x{byte:02X}>"), (n + byte).into())));
        Known::from_json(&json, |token| match token.strip_prefix("<0x") {
            Some(digits) => vec![u8::from_str_radix(&digits[..2], 16).unwrap()],
            None => token.replace('▁', " ").into_bytes(),
        })
    })
}

/// Numbers that look drawn: Knuth's generator, the same in every run.
struct Draw(u64);

impl Draw {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A whole row, a list of a tenth of the vocabulary, or nothing.
    fn row(&mut self, vocab_size: usize) -> Option<LnRow> {
        let weights: Vec<f64> = (0..vocab_size).map(|_| self.uniform().powi(8)).collect();
        let total: f64 = weights.iter().sum();
        let ln_p: Vec<f32> = weights.iter().map(|weight| (weight / total).ln() as f32).collect();
        match self.uniform() {
            u if u < 0.4 => Some(LnRow::full(&ln_p).unwrap()),
            u if u < 0.8 => {
                let mut order: Vec<u32> = (0..vocab_size as u32).collect();
                order.sort_by(|&a, &b| ln_p[b as usize].total_cmp(&ln_p[a as usize]));
                order.truncate(vocab_size / 10);
                let listed = order.iter().map(|&id| ln_p[id as usize]).collect();
                Some(LnRow::new(order, listed).unwrap())
            }
            _ => None,
        }
    }
}

fn check_against_brute_force(mark: &Known, suspect: &Known, text: &str, draw: &mut Draw) -> Aligned {
    let alignment = Alignment::new(&mark.tokenizer).unwrap();
    let vocabulary = alignment.suspect(&suspect.tokenizer).unwrap();
    let tokens = suspect.encode(text);
    let rows: Vec<_> = tokens.iter().map(|_| draw.row(suspect.spelled.len())).collect();
    let found = alignment.align_ids(text, &vocabulary, &tokens, &rows).unwrap();

    assert_eq!(found.tokens, mark.encode(text));
    let mut expected: Vec<Option<(&LnRow, HashMap<u32, f64>)>> = vec![None; found.tokens.len()];
    let of_mark = mark.starts(text);
    for ((_, start), row) in suspect.starts(text).iter().zip(&rows) {
        // A token that is the added space alone, and one that begins with it, spell no byte of their own at 0.
        let Some(at) = of_mark.iter().position(|(_, other)| other == start) else { continue };
        let spells_space_alone = |known: &Known, id: u32| *start < 0 && known.spelled[&id].len() == 1;
        let suspect_id = suspect.starts(text).iter().find(|(_, other)| other == start).unwrap().0;
        if spells_space_alone(mark, of_mark[at].0) || spells_space_alone(suspect, suspect_id) {
            continue;
        }
        let Some(row) = row else { continue };
        let mut sums = HashMap::new();
        for (id, p) in row.iter() {
            if let Some(token) = mark.token(&suspect.spelled[&id]) {
                *sums.entry(token).or_insert(0.0) += p;
            }
        }
        expected[at] = Some((row, sums));
    }
    assert_eq!(found.positions, rows.iter().flatten().count() as u64);
    assert_eq!(found.positions_kept, expected.iter().flatten().count() as u64, "{text}");
    let mut mass_kept = 0.0;
    for (found, expected) in found.log_probs.iter().zip(&expected) {
        let (Some(found), Some((row, sums))) = (found, expected) else {
            assert!(found.is_none() && expected.is_none(), "{text}");
            continue;
        };
        assert_eq!(found.len(), sums.len());
        // Logarithms are rounded to single precision, twice where two tokens spell the same.
        found.iter().for_each(|(id, p)| assert!((p - sums[&id]).abs() <= 1e-5 * p, "{id}: {p}"));
        let mapped: f64 = sums.values().sum();
        mass_kept += mapped / row.listed_mass();
        let unlisted = row.unlisted_mass() + row.listed_mass() - mapped;
        assert!(
            (found.unlisted_mass() - unlisted).abs() < 1e-5
                && found.unlisted_bound() == found.unlisted_mass()
        );
    }
    let mean = mass_kept / found.positions_kept.max(1) as f64;
    assert!((found.mass_kept - mean).abs() < 1e-5, "{} {mean}", found.mass_kept);
    found
}

#[test]
fn rows_and_positions_are_those_of_brute_force() {
    let mut draw = Draw(1);
    for (mark, suspect) in [(byte_level(), metaspace()), (metaspace(), byte_level())] {
        let (mut positions, mut kept) = (0, 0);
        for text in TEXTS {
            let aligned = check_against_brute_force(mark, suspect, text, &mut draw);
            (positions, kept) = (positions + aligned.positions, kept + aligned.positions_kept);
        }
        // Otherwise nothing was tested.
        assert!(kept * 2 > positions && kept < positions, "{kept} of {positions}");
    }
}

#[test]
fn a_tokenizer_is_aligned_with_itself_at_every_token() {
    let mut draw = Draw(2);
    for known in [byte_level(), metaspace()] {
        for text in TEXTS {
            let aligned = check_against_brute_force(known, known, text, &mut draw);
            let starts = known.starts(text);
            let spells_nothing =
                starts.iter().filter(|(id, at)| *at < 0 && known.spelled[id].len() == 1).count();
            assert!(aligned.positions - aligned.positions_kept <= spells_nothing as u64, "{text}");
        }
    }
}

#[test]
fn bytes_say_the_same_as_ids() {
    let (mark, suspect) = (byte_level(), metaspace());
    let alignment = Alignment::new(&mark.tokenizer).unwrap();
    let vocabulary = alignment.suspect(&suspect.tokenizer).unwrap();
    let mut draw = Draw(3);
    for text in TEXTS {
        let tokens = suspect.encode(text);
        let rows: Vec<_> = tokens.iter().map(|_| draw.row(suspect.spelled.len())).collect();
        let by_ids = alignment.align_ids(text, &vocabulary, &tokens, &rows).unwrap();
        let in_bytes = |row: &LnRow| {
            let ids = row.ids().iter().map(|id| suspect.spelled[id].clone());
            ids.zip(row.ln_p().iter().copied()).collect()
        };
        let answer = tokens.iter().zip(&rows).map(|(id, row)| SuspectToken {
            bytes: suspect.spelled[id].clone(),
            log_probs: row.as_ref().map(in_bytes),
        });
        let by_bytes = alignment.align(text, &answer.collect::<Vec<_>>()).unwrap();
        assert_eq!(by_bytes.positions_kept, by_ids.positions_kept);
        for (a, b) in by_bytes.log_probs.iter().zip(&by_ids.log_probs) {
            let ids = |row: &Option<LnRow>| row.as_ref().map(|row| row.ids().to_vec());
            assert_eq!(ids(a), ids(b), "{text}");
        }
    }
}

fn token(bytes: &[u8], listed: &[(&str, f64)]) -> SuspectToken {
    let listed: Vec<_> = listed.iter().map(|&(of, p)| (of.as_bytes().to_vec(), p.ln() as f32)).collect();
    SuspectToken { bytes: bytes.to_vec(), log_probs: (!listed.is_empty()).then_some(listed) }
}

fn p(mark: &Known, row: &LnRow, bytes: &str) -> Option<f64> {
    row.p(mark.token(bytes.as_bytes()).unwrap())
}

#[test]
fn what_the_mark_has_no_token_for_is_unlisted() {
    let mark = byte_level();
    let alignment = Alignment::new(&mark.tokenizer).unwrap();
    let listed = [(" truth", 0.5), (" tractor", 0.2), (" a", 0.1), (" a", 0.05), ("", 0.03)];
    let aligned = alignment.align("It is truth", &[token(b"It is", &[]), token(b" truth", &listed)]).unwrap();
    let row = aligned.log_probs.iter().flatten().next().unwrap();
    let near = |found: Option<f64>, expected: f64| (found.unwrap() - expected).abs() < 1e-6;
    assert!(near(p(mark, row, " truth"), 0.5) && near(p(mark, row, " a"), 0.15) && row.len() == 2, "{row:?}");
    assert!(
        near(Some(row.unlisted_bound()), 0.35) && near(Some(aligned.mass_kept), 0.65 / 0.88),
        "{aligned:?}"
    );
    assert_eq!((aligned.positions, aligned.positions_kept, row.most_likely()), (1, 1, mark.token(b" truth")));
    let unsure =
        alignment.align("It is truth", &[token(b"It is", &[]), token(b" truth", &listed[2..])]).unwrap();
    assert_eq!(unsure.log_probs.iter().flatten().next().unwrap().most_likely(), None);
    let nothing = alignment.align("It", &[token(b"It", &[(" tractor", 0.5)])]).unwrap();
    assert!(nothing.log_probs[0].as_ref().unwrap().is_empty() && nothing.mass_kept == 0.0);
}

#[test]
fn nothing_is_kept_behind_a_token_that_is_not_in_the_text() {
    let alignment = Alignment::new(&byte_level().tokenizer).unwrap();
    let listed = [(" a", 0.5)];
    let kept = |text: &str, suspect: &[&[u8]]| {
        let suspect: Vec<_> = suspect.iter().map(|bytes| token(bytes, &listed)).collect();
        alignment.align(text, &suspect).unwrap().positions_kept
    };
    let text = "It is a truth";
    assert_eq!(kept(text, &[b"It", b" is", b" a", b" truth"]), 4);
    assert_eq!(kept(text, &[b"It", b"", b" is", b"", b" a", b" truth", b""]), 4, "the end spells nothing");
    assert_eq!(kept(text, &[b"It", b" was", b" a", b" truth"]), 1);
    assert_eq!(kept(text, &[b"It", b" is"]), 2, "an answer that was cut");
    assert_eq!(kept(text, &[b"It", b" is", b" a", b" truth", b" is"]), 4, "a text that was cut");
    assert_eq!(kept(text, &[b"t is a truth"]), 0);
    assert_eq!(kept("", &[b"It"]), 0);
    assert_eq!(kept(text, &[]), 0);
    assert_eq!(kept("x\u{e9}", &[b"x", b"\xc3", b"\xa9"]), 3, "bytes of one character");
}

#[test]
fn a_text_that_the_mark_normalises_is_found_again_where_bytes_agree() {
    let mut json: Value = serde_json::from_str(&byte_level().inner.to_string(false).unwrap()).unwrap();
    json["normalizer"] = json!({"type": "Lowercase"});
    let mark = Tokenizer::from_bytes(json.to_string().as_bytes(), "t").unwrap();
    let alignment = Alignment::new(&mark).unwrap();
    let words: [&[u8]; 5] = [b"it", b" IS", b" a", b" TRUTH", b" truth"];
    let suspect: Vec<_> = words.iter().map(|bytes| token(bytes, &[(" a", 0.5)])).collect();
    let aligned = alignment.align("it IS a TRUTH truth", &suspect).unwrap();
    let kept = aligned.log_probs.iter().map(Option::is_some).collect::<Vec<_>>();
    assert_eq!(aligned.positions_kept, 3, "{kept:?}");
    assert!(kept[0] && *kept.last().unwrap(), "{kept:?}");
}

#[test]
fn tokens_of_a_suspect_spell_their_text() {
    let alignment = Alignment::new(&byte_level().tokenizer).unwrap();
    for known in [byte_level(), metaspace()] {
        let vocabulary = alignment.suspect(&known.tokenizer).unwrap();
        assert!(vocabulary.same() > 100);
        for text in TEXTS.into_iter().filter(|text| !text.starts_with(' ')) {
            assert_eq!(vocabulary.text(&known.encode(text)), text);
        }
        let ids = known.encode("日本");
        assert_eq!(vocabulary.text(&ids[..ids.len() - 1]), "日", "a character was cut");
    }
}

#[test]
fn faults_name_the_token_and_never_the_text() {
    let alignment = Alignment::new(&byte_level().tokenizer).unwrap();
    let check = |listed: Vec<(Vec<u8>, f32)>, words: &str| {
        let fine = token(b"It", &[("It", 1.0)]);
        let suspect = [fine, SuspectToken { bytes: b"hunter2".to_vec(), log_probs: Some(listed) }];
        let message = alignment.align("It hunter2", &suspect).unwrap_err().to_string();
        assert!(message.contains(words) && !message.contains("hunter2"), "{message}");
    };
    let hunter = || b"hunter2".to_vec();
    check(vec![], "token 1 of the suspect: expected at least one");
    check(
        vec![(hunter(), f32::NAN)],
        "token 1 of the suspect: log-probability 0: expected a natural logarithm",
    );
    check(vec![(hunter(), -0.1), (hunter(), -0.1)], "token 1 of the suspect: the probabilities sum to 1.8");
    let vocabulary = alignment.suspect(&metaspace().tokenizer).unwrap();
    let message = alignment.align_ids("a", &vocabulary, &[1, 2], &[None]).unwrap_err().to_string();
    assert!(message.contains("2 tokens and 1 entries"), "{message}");
}
