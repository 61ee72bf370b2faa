//! What earlier runs left in a log.

use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};

use super::entry::{Entry, Header};
use super::{Log, to_line};
use crate::endpoint::Question;
use crate::endpoint::error::{Error, Kind};

/// Where a line is in a log. `line` counts from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::endpoint) struct Place {
    pub(super) line: u64,
    pub(super) start: u64,
    pub(super) len: usize,
}

impl Place {
    /// The number of the line.
    pub(in crate::endpoint) fn line(self) -> u64 {
        self.line
    }
}

/// What earlier runs left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::endpoint) struct Earlier {
    /// For each question, how often it was sent and where its answer is.
    pub(in crate::endpoint) questions: Vec<Known>,
    pub(in crate::endpoint) tokens_spent: u64,
    /// Of these, tokens of requests without an answer.
    pub(in crate::endpoint) tokens_lost: u64,
    /// The first line that was cut off, and how many bytes were.
    pub(in crate::endpoint) set_aside: Option<(u64, u64)>,
    /// Requests that were under way when the last run ended, and the tokens they may have cost.
    pub(in crate::endpoint) cut_off: (u64, u64),
}

/// What is known of one question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::endpoint) struct Known {
    pub(in crate::endpoint) attempts: u32,
    pub(in crate::endpoint) answer: Option<Place>,
    /// The limit of a request of which nothing came yet.
    under_way: Option<u64>,
}

/// Reads the log, begins it if it is empty, and closes what a kill left open.
pub(super) fn read(log: &mut Log, header: &Header, questions: &[Question]) -> Result<Earlier, Error> {
    let mut earlier = Earlier { questions: vec![Known::default(); questions.len()], ..Earlier::default() };
    log.file.seek(SeekFrom::Start(0)).map_err(Kind::io(&log.path, "read"))?;
    let file = log.file.try_clone().map_err(Kind::io(&log.path, "read"))?;
    let mut reader = BufReader::new(file);

    let mut lines = Lines { line: Vec::new(), number: 0, start: 0 };
    let first = lines.next(&mut reader).map_err(Kind::io(&log.path, "read"))?;
    if !first {
        let mut whole = to_line(header);
        whole.push(b'\n');
        // A run may have been killed while it wrote this very line.
        let Some(rest) = whole.strip_prefix(&*lines.line) else {
            return Err(Kind::NotALog { log: log.path.clone() }.into());
        };
        log.file.write_all(rest).map_err(Kind::io(&log.path, "write"))?;
        (log.len, log.lines, log.is_synced) = (whole.len() as u64, 1, false);
        return Ok(earlier);
    }
    match serde_json::from_slice::<Header>(&lines.line) {
        Err(_) => return Err(Kind::NotALog { log: log.path.clone() }.into()),
        Ok(found) => {
            if let Some(what) = found.difference(header) {
                return Err(Kind::LogDiffers { log: log.path.clone(), what }.into());
            }
        }
    }

    // The first of the lines that cannot be read, until a later one says that they are set aside.
    let mut unreadable: Option<(u64, u64)> = None;
    let mut is_ended = true;
    while is_ended {
        log.lines = lines.number;
        is_ended = lines.next(&mut reader).map_err(Kind::io(&log.path, "read"))?;
        if lines.line.is_empty() && !is_ended {
            break;
        }
        match (serde_json::from_slice(&lines.line), unreadable) {
            (Err(_), _) => {
                unreadable.get_or_insert((lines.number, lines.start));
            }
            (Ok(Entry::SetAside { first_line, .. }), Some((line, _))) if first_line == line => {
                unreadable = None;
            }
            (Ok(_), Some((line, _))) => {
                return Err(log.damaged(line, "expected an entry, found something else"));
            }
            (Ok(entry), None) => {
                let place = Place { line: lines.number, start: lines.start, len: lines.line.len() };
                earlier.enter(&entry, place, questions).map_err(|what| log.damaged(lines.number, what))?;
            }
        }
    }
    let end = lines.start + lines.line.len() as u64;
    log.len = end;
    if !lines.line.is_empty() {
        log.append_line(Vec::new())?;
    }
    if let Some((first_line, start)) = unreadable {
        let bytes = end - start;
        log.append(&Entry::SetAside { first_line, bytes })?;
        earlier.set_aside = Some((first_line, bytes));
    }
    earlier.close(log, questions)?;
    Ok(earlier)
}

impl Earlier {
    fn enter(&mut self, entry: &Entry<'_>, place: Place, questions: &[Question]) -> Result<(), &'static str> {
        let (name, at) = match entry {
            Entry::Sent { question, index, .. }
            | Entry::Answer { question, index, .. }
            | Entry::NoAnswer { question, index, .. }
            | Entry::Failed { question, index, .. } => (question, *index),
            Entry::SetAside { .. } => return Err("it sets aside lines that can be read"),
        };
        let index = usize::try_from(at).unwrap_or(usize::MAX);
        if questions.get(index).is_none_or(|question| question.id != **name) {
            return Err("its question is not at this place of the list");
        }
        let known = &mut self.questions[index];
        let spent = match entry {
            Entry::Sent { attempt, max_tokens, .. } => {
                known.attempts = known.attempts.max(*attempt);
                known.under_way.replace(*max_tokens).unwrap_or(0)
            }
            Entry::Answer { tokens_spent, .. } => {
                if known.answer.replace(place).is_some() {
                    return Err("its question has an answer already");
                }
                known.under_way = None;
                self.tokens_spent = self.tokens_spent.saturating_add(*tokens_spent);
                0
            }
            Entry::NoAnswer { tokens_spent, .. } => {
                known.under_way = None;
                *tokens_spent
            }
            Entry::Failed { .. } | Entry::SetAside { .. } => 0,
        };
        self.tokens_spent = self.tokens_spent.saturating_add(spent);
        self.tokens_lost = self.tokens_lost.saturating_add(spent);
        Ok(())
    }

    /// Counts requests of which nothing came as spent, and says so in the log.
    fn close(&mut self, log: &mut Log, questions: &[Question]) -> Result<(), Error> {
        for (index, (known, question)) in self.questions.iter_mut().zip(questions).enumerate() {
            let Some(tokens) = known.under_way.take() else { continue };
            log.append(&Entry::NoAnswer {
                question: (&question.id).into(),
                index: index as u64,
                attempt: known.attempts,
                status: None,
                tokens_spent: tokens,
                why: "cut off: the run ended before an answer came".into(),
            })?;
            self.cut_off.0 += 1;
            self.cut_off.1 = self.cut_off.1.saturating_add(tokens);
            self.tokens_spent = self.tokens_spent.saturating_add(tokens);
            self.tokens_lost = self.tokens_lost.saturating_add(tokens);
        }
        Ok(())
    }
}

/// The lines of a file, one at a time.
struct Lines {
    /// The line, without its end.
    line: Vec<u8>,
    number: u64,
    start: u64,
}

impl Lines {
    /// Goes to the next line, and says whether it has an end.
    fn next(&mut self, reader: &mut impl BufRead) -> std::io::Result<bool> {
        self.start += if self.number == 0 { 0 } else { self.line.len() as u64 + 1 };
        self.number += 1;
        self.line.clear();
        reader.read_until(b'\n', &mut self.line)?;
        Ok(self.line.pop_if(|last| *last == b'\n').is_some())
    }
}
