//! The co-test for forgery: how many genuine texts it flags, how many forged ones, and what else it flags.
//!
//! Genuine texts are sampled from a model with the mark, each under a key of its own. Forged ones come from students
//! that learned from marked text, and from a forger who guesses the colours of contexts that he saw often.

use std::collections::HashMap;

use anyhow::{Context, Result, ensure};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;
use taggant::sampling::UnmarkedSampler;
use taggant::scheme::{GreenList, Scheme};
use taggant::{ContextWidth, Mark, Profile, SamplingParams, Secret};
use taggant_lm::{Author, BOUNDARY, KneserNey, Tokenizer, VOCAB_SIZE};
use taggant_verify::forgery::{Contrast, ForgeryTest, Frequencies, Item, Scorer, Strata};
use taggant_verify::tail::binomial;

/// Arguments: keys of genuine texts (1000), tokens of a text (1500), other texts of each kind and key (20).
pub(crate) fn run(args: &[String]) -> Result<()> {
    let number = |at: usize, default: usize| args.get(at).map_or(Ok(default), |text| text.parse());
    let (n_keys, n_tokens, n_others) = (number(0, 1000)?, number(1, 1500)?, number(2, 20)?);
    ensure!(n_tokens >= LENGTHS[2], "texts of at least {} tokens, found {n_tokens}", LENGTHS[2]);
    let lab = Lab::new()?;
    println!("## Co-test for forgery\n");
    println!(
        "Green list, gamma 1/4, delta 2, contexts of 2 tokens. Model: Kneser-Ney of order 4 on {TEACHER_TOKENS} tokens of \
         Austen. Frequencies: {FREQUENCY_TOKENS} tokens of its unmarked output. Strata: rare contexts occur 1 to 7 times and \
         common ones at least 32 times; `verbatim`: at most 1 and at least 16 times. Level 1 %.\n"
    );
    let broken = if n_keys > 1 { genuine(&lab, n_keys, n_tokens)? } else { Vec::new() };
    if n_others > 0 {
        others(&lab, n_tokens, n_others)?;
    }
    ensure!(broken.is_empty(), "more genuine texts are flagged than the level allows: {}", broken.join("; "));
    Ok(())
}

/// What every measurement shares.
struct Lab {
    teacher: KneserNey,
    other: KneserNey,
    austen: Vec<u32>,
    frequencies: Frequencies,
    profile: Profile,
}

impl Lab {
    fn new() -> Result<Self> {
        let austen = Tokenizer::embedded().encode(&taggant_lm::text(Author::Austen)?)?;
        let teacher = train(&austen[..TEACHER_TOKENS])?;
        let mut frequencies = Frequencies::new(WIDTH);
        let log: Vec<Vec<u32>> = (0..FREQUENCY_TOKENS / DOCUMENT_TOKENS)
            .into_par_iter()
            .map(|n| write(&teacher, None, DOCUMENT_TOKENS, &mut rng("frequencies", n)))
            .collect::<Result<_>>()?;
        log.iter().for_each(|document| frequencies.add(document));
        let scheme = Scheme::Green(GreenList::new("1/4".parse()?, 2.0)?);
        Ok(Self {
            other: train(&austen[TEACHER_TOKENS..2 * TEACHER_TOKENS])?,
            teacher,
            austen,
            frequencies,
            profile: Profile::new(scheme, ContextWidth::new(WIDTH as u64)?, "2026q4")?,
        })
    }

    fn references(&self) -> [(&'static str, &KneserNey); 2] {
        [("the model", &self.teacher), ("one of other text", &self.other)]
    }

    fn mark(&self, label: &str, n: usize) -> Mark {
        let mut secret = [0; 32];
        rng(label, n).fill_bytes(&mut secret);
        Mark::new(&Secret::from_bytes(secret), &self.profile)
    }

    fn items(&self, mark: &Mark, reference: &KneserNey, text: &[u32]) -> Result<Vec<Item>> {
        let mut scorer = Scorer::new(mark, &self.frequencies, 1.0, VOCAB_SIZE)?;
        let mut logits = vec![0.0; VOCAB_SIZE];
        scorer.add(text, |history, row| -> Result<()> {
            reference.logits_into(history, &mut logits)?;
            row.iter_mut().zip(&logits).for_each(|(p, ln_p)| *p = f64::from(ln_p.exp()));
            row[BOUNDARY as usize] = 0.0;
            Ok(())
        })?;
        Ok(scorer.items().to_vec())
    }
}

/// A genuine text: its items under each reference, and how many of them its prefixes have.
struct Genuine {
    items: Vec<Vec<Item>>,
    n_items: [usize; 2],
}

/// Genuine texts, each under its own key. What it gives back are the rows that flag too many.
fn genuine(lab: &Lab, n_keys: usize, n_tokens: usize) -> Result<Vec<String>> {
    let lengths = [LENGTHS[1], n_tokens];
    let texts: Vec<Genuine> = (0..n_keys + BASELINE_TEXTS)
        .into_par_iter()
        .map(|n| {
            let mark = lab.mark("genuine key", n);
            let text = write(&lab.teacher, Some(&mark), n_tokens, &mut rng("genuine", n))?;
            let items = lab.references().into_iter().map(|(_, model)| lab.items(&mark, model, &text));
            let n_items = lengths.map(|length| n_contexts(&text[..length]));
            Ok(Genuine { items: items.collect::<Result<_>>()?, n_items })
        })
        .collect::<Result<_>>()?;
    let (baseline, texts) = texts.split_at(BASELINE_TEXTS);
    let limit = upper_limit(n_keys as u64);
    println!("### Genuine texts, {n_keys} keys\n");
    println!(
        "`together`: z of all texts as one. `less genuine`: against {BASELINE_TEXTS} other genuine texts. `colours alone`: the share \
         of green tokens after common contexts less that after rare ones, without any reference. Up to {limit} flags are within \
         the 99 % limit of 1 %.\n"
    );
    println!("| tokens | strata | reference | flagged | mean z | sd z | together |");
    println!("|---|---|---|---|---|---|---|");
    let mut broken = Vec::new();
    for ((at, n_tokens), (which, strata)) in
        lengths.iter().enumerate().flat_map(|at| STRATA.map(|which| (at, which)))
    {
        let label = format!("{n_tokens} | {which}");
        let alone: Vec<f64> =
            texts.iter().map(|text| colours_alone(&text.items[0][..text.n_items[at]], strata)).collect();
        row(&format!("{label} | none: colours alone"), &alone, colours_alone(&joined(texts, 0, at), strata));
        for (reference, (name, _)) in lab.references().iter().enumerate() {
            let base = contrast(&joined(baseline, reference, at), strata)?;
            let all = contrast(&joined(texts, reference, at), strata)?;
            let each: Vec<Contrast> = texts
                .iter()
                .map(|text| contrast(&text.items[reference][..text.n_items[at]], strata))
                .collect::<Result<_>>()?;
            let label = format!("{label} | {name}");
            let z: Vec<f64> = each.iter().map(|contrast| contrast.test().z).collect();
            let flagged = row(&label, &z, all.test().z);
            if flagged > limit {
                broken.push(format!("{label}: {flagged} of {n_keys}"));
            }
            if reference > 0 {
                let z: Vec<f64> = each.iter().map(|contrast| contrast.test_against(&base).z).collect();
                row(&format!("{label}, less genuine"), &z, all.test_against(&base).z);
            }
        }
    }
    println!();
    Ok(broken)
}

/// The items of several texts as one list.
fn joined(texts: &[Genuine], reference: usize, at: usize) -> Vec<Item> {
    texts.iter().flat_map(|text| &text.items[reference][..text.n_items[at]]).copied().collect()
}

/// Texts that are not the engine's alone: learned, guessed, diluted, edited.
fn others(lab: &Lab, n_tokens: usize, n_texts: usize) -> Result<()> {
    let lengths = [LENGTHS[0], LENGTHS[1], LENGTHS[2], n_tokens];
    println!("### Other texts that carry the mark, {N_KEYS_OF_OTHERS} keys with {n_texts} texts each\n");
    println!(
        "The share that is flagged, by tokens of a text, `verbatim` in brackets; too short to test is not flagged. Strengths at \
         {n_tokens} tokens. Reference: the model.\n"
    );
    println!("| text | {} | overall | rare | common |", lengths.map(|n| format!("{n} tokens")).join(" | "));
    println!("|---|{}---|---|---|", "---|".repeat(lengths.len()));
    // What was served under each key: the same for all who learn from it, who take as much as they need.
    let largest_log = KINDS.iter().map(Kind::n_learned).max().unwrap_or(0);
    let logs: Vec<Vec<Vec<u32>>> = (0..N_KEYS_OF_OTHERS)
        .map(|key| {
            let (mark, first) = (lab.mark("forged key", key), key * 1_000_000);
            let document = |n| write(&lab.teacher, Some(&mark), DOCUMENT_TOKENS, &mut rng("log", first + n));
            (0..largest_log).into_par_iter().map(document).collect()
        })
        .collect::<Result<_>>()?;
    for kind in KINDS {
        let mut texts: Vec<Vec<[Option<Contrast>; 2]>> = Vec::new();
        for (key, log) in logs.iter().enumerate() {
            let mark = lab.mark("forged key", key);
            let writer = kind.learn(&log[..kind.n_learned()])?;
            let of_key: Vec<_> = (0..n_texts)
                .into_par_iter()
                .map(|n| {
                    let text = writer.text(lab, &mark, n_tokens, &mut rng(kind.name, key * 1000 + n))?;
                    let items = lab.items(&mark, &lab.teacher, &text)?;
                    let prefix = |length: usize| &items[..n_contexts(&text[..length])];
                    let both = |length| STRATA.map(|(_, strata)| Contrast::new(prefix(length), strata));
                    Ok(lengths.map(both).to_vec())
                })
                .collect::<Result<_>>()?;
            texts.extend(of_key);
        }
        let n = texts.len() as f64;
        let flagged = |at: usize, strata: usize| {
            let is_flagged = |contrast: &Contrast| contrast.test().is_flagged();
            texts.iter().filter(|text| text[at][strata].as_ref().is_some_and(is_flagged)).count() as f64 / n
        };
        let cells: Vec<String> =
            (0..lengths.len()).map(|at| format!("{:.2} ({:.2})", flagged(at, 0), flagged(at, 1))).collect();
        let longest: Vec<Contrast> = texts.iter().filter_map(|text| text[lengths.len() - 1][0]).collect();
        let mean = |of: fn(&Contrast) -> f64| longest.iter().map(of).sum::<f64>() / longest.len() as f64;
        println!(
            "| {} | {} | {:.2} | {:.2} | {:.2} |",
            kind.name,
            cells.join(" | "),
            mean(|contrast| contrast.overall),
            mean(|contrast| contrast.rare.value),
            mean(|contrast| contrast.common.value)
        );
    }
    Ok(())
}

fn contrast(items: &[Item], strata: Strata) -> Result<Contrast> {
    Contrast::new(items, strata).context("a text is too short")
}

/// A kind of text beside the genuine one.
struct Kind {
    name: &'static str,
    how: How,
}

/// How such a text comes about.
enum How {
    Student { n_marked: usize },
    Guesser { n_marked: usize },
    Diluted,
    Edited { percent: u32 },
}

const KINDS: [Kind; 7] = [
    Kind { name: "student, 100 000 marked tokens", how: How::Student { n_marked: 100_000 } },
    Kind { name: "student, 500 000 marked tokens", how: How::Student { n_marked: 500_000 } },
    Kind { name: "forger, contexts seen 8 times", how: How::Guesser { n_marked: 500_000 } },
    Kind { name: "genuine, half written unmarked", how: How::Diluted },
    Kind { name: "genuine, 2 % of tokens replaced", how: How::Edited { percent: 2 } },
    Kind { name: "genuine, 5 % of tokens replaced", how: How::Edited { percent: 5 } },
    Kind { name: "genuine, 10 % of tokens replaced", how: How::Edited { percent: 10 } },
];

/// How often each token followed a context.
type Counts = HashMap<[u32; WIDTH], HashMap<u32, u32>>;

/// Who writes them.
enum TextWriter {
    Student(KneserNey),
    Guesser(Counts),
    Diluted,
    Edited { percent: u32 },
}

impl Kind {
    /// How many documents of a log are learned from.
    fn n_learned(&self) -> usize {
        match self.how {
            How::Student { n_marked } | How::Guesser { n_marked } => n_marked / DOCUMENT_TOKENS,
            How::Diluted | How::Edited { .. } => 0,
        }
    }

    fn learn(&self, log: &[Vec<u32>]) -> Result<TextWriter> {
        Ok(match self.how {
            How::Student { .. } => TextWriter::Student(KneserNey::train(log, WIDTH + 2, VOCAB_SIZE)?),
            How::Guesser { .. } => {
                let mut counts = Counts::new();
                for window in log.iter().flat_map(|document| document.windows(WIDTH + 1)) {
                    let followers = counts.entry([window[0], window[1]]).or_default();
                    *followers.entry(window[WIDTH]).or_default() += 1;
                }
                TextWriter::Guesser(counts)
            }
            How::Diluted => TextWriter::Diluted,
            How::Edited { percent } => TextWriter::Edited { percent },
        })
    }
}

impl TextWriter {
    fn text(&self, lab: &Lab, mark: &Mark, n_tokens: usize, rng: &mut ChaCha8Rng) -> Result<Vec<u32>> {
        match self {
            Self::Student(model) => write(model, None, n_tokens, rng),
            Self::Guesser(counts) => guess(&lab.other, counts, n_tokens, rng),
            Self::Diluted => {
                let mut text = Vec::with_capacity(n_tokens);
                while text.len() < n_tokens {
                    let writer = (text.len() / DOCUMENT_TOKENS).is_multiple_of(2).then_some(mark);
                    text.extend(write(&lab.teacher, writer, DOCUMENT_TOKENS, rng)?);
                }
                text.truncate(n_tokens);
                Ok(text)
            }
            Self::Edited { percent } => {
                let mut text = write(&lab.teacher, Some(mark), n_tokens, rng)?;
                for token in &mut text {
                    if rng.next_u32() % 100 < *percent {
                        *token = lab.austen[rng.next_u32() as usize % lab.austen.len()];
                    }
                }
                Ok(text)
            }
        }
    }
}

/// A forger with a model of his own. After a context that he saw often enough he takes as green what followed more
/// often than his model expects, twice or more, and gives it 3 nats.
fn guess(model: &KneserNey, counts: &Counts, n_tokens: usize, rng: &mut ChaCha8Rng) -> Result<Vec<u32>> {
    let (params, mut sampler) = (SamplingParams::default(), UnmarkedSampler::new());
    let mut before: Vec<u32> = Vec::with_capacity(n_tokens);
    Ok(taggant_lm::complete(model, n_tokens, |row| {
        let followers = before.last_chunk::<WIDTH>().and_then(|context| counts.get(context));
        if let Some(followers) = followers {
            let n: u32 = followers.values().sum();
            for (token, count) in followers.iter().filter(|_| n >= 8) {
                let logit = &mut row[*token as usize];
                if f64::from(*count) / f64::from(n) > 2.0 * f64::from(logit.exp()) {
                    *logit += 3.0;
                }
            }
        }
        let token = sampler.sample(row, &params, rng)?;
        before.push(token);
        Ok(token)
    })?)
}

/// Prints a row of the table and gives back how many are flagged.
fn row(label: &str, z: &[f64], together: f64) -> u64 {
    let n = z.len() as f64;
    let mean = z.iter().sum::<f64>() / n;
    let sd = (z.iter().map(|z| (z - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
    let flagged = z.iter().filter(|z| **z >= Z_OF_LEVEL).count();
    println!("| {label} | {:.1} % | {mean:+.2} | {sd:.2} | {together:+.1} |", 100.0 * flagged as f64 / n);
    flagged as u64
}

/// z of the difference between two shares of green tokens, without a reference.
fn colours_alone(items: &[Item], strata: Strata) -> f64 {
    let stratum = |keep: &dyn Fn(u64) -> bool| {
        let scores: Vec<f64> =
            items.iter().filter(|item| keep(item.frequency)).map(|item| item.score).collect();
        let share = scores.iter().sum::<f64>() / scores.len() as f64;
        (share, share * (1.0 - share) / scores.len() as f64)
    };
    let (rare, common) = (
        stratum(&|n| (strata.rare_at_least..=strata.rare_at_most).contains(&n)),
        stratum(&|n| n >= strata.common_at_least),
    );
    (common.0 - rare.0) / (common.1 + rare.1).sqrt()
}

/// How many distinct contexts have a token after them: how many items a text has.
fn n_contexts(tokens: &[u32]) -> usize {
    let contexts = tokens[..tokens.len() - 1].windows(WIDTH);
    contexts.collect::<std::collections::HashSet<_>>().len()
}

/// The largest count that n tests at the level reach with a chance above 1 %.
fn upper_limit(n: u64) -> u64 {
    let ln_tail = |count| binomial::ln_upper(n, ForgeryTest::LEVEL, count);
    (0..n).find(|count| ln_tail(count + 1) <= 0.01_f64.ln()).unwrap_or(n)
}

fn train(tokens: &[u32]) -> Result<KneserNey> {
    Ok(KneserNey::train(&tokens.chunks(DOCUMENT_TOKENS).collect::<Vec<_>>(), WIDTH + 2, VOCAB_SIZE)?)
}

/// One completion, marked or not.
fn write(model: &KneserNey, mark: Option<&Mark>, n_tokens: usize, rng: &mut ChaCha8Rng) -> Result<Vec<u32>> {
    let params = SamplingParams::default();
    let Some(mark) = mark else {
        let mut sampler = UnmarkedSampler::new();
        return Ok(taggant_lm::complete(model, n_tokens, |row| sampler.sample(row, &params, rng))?);
    };
    let mut session = mark.session(n_tokens);
    Ok(taggant_lm::complete(model, n_tokens, |row| {
        let token = session.sample(row, &params, rng)?;
        session.accept(token);
        Ok(token)
    })?)
}

/// A generator for a purpose: FNV-1a of the label, and a number.
fn rng(label: &str, n: usize) -> ChaCha8Rng {
    let hash = label.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut rng = ChaCha8Rng::seed_from_u64(hash);
    rng.set_stream(n as u64);
    rng
}

const WIDTH: usize = 2;
const DOCUMENT_TOKENS: usize = 200;
const TEACHER_TOKENS: usize = 400_000;
const FREQUENCY_TOKENS: usize = 500_000;
const BASELINE_TEXTS: usize = 50;
const N_KEYS_OF_OTHERS: usize = 2;

/// Prefixes of a text that are tested beside the whole of it, in tokens.
const LENGTHS: [usize; 3] = [250, 500, 1000];

const STRATA: [(&str, Strata); 2] = [
    ("default", Strata { rare_at_least: 1, rare_at_most: 7, common_at_least: 32 }),
    ("verbatim", Strata::VERBATIM),
];

/// The normal quantile of 1 - [`ForgeryTest::LEVEL`].
const Z_OF_LEVEL: f64 = 2.326_347_874_040_841;
