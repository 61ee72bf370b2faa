//! Documents one by one: is each of them marked, and where?

use std::num::NonZeroU64;

use rayon::prelude::*;
use taggant::TokenId;
use taggant::law::Law;

use crate::corpus::Corpus;
use crate::ln_p::LnP;
use crate::null::Null;
use crate::p_value::holm;
use crate::report::{DocumentResult, SpanResult};
use crate::spans::{Scan, Span, hypotheses};
use crate::tally::tally;
use crate::verifier::Verifier;

impl Verifier<'_> {
    /// Tests one document on its own: de-duplicated within itself, summed over the channels without
    /// accounts. `ln_p_adjusted` is not yet adjusted; [`adjust_documents`] does that over all of them.
    #[must_use]
    pub fn document(&self, id: String, tokens: &[TokenId]) -> DocumentResult {
        let mut corpus = Corpus::new(self.reader.context_rule());
        corpus.add(tokens);
        let sum = self.pooled(&tally(self.reader, corpus.ngrams(), None, |_, _, _| {}));
        let null = Null::new(self.reader.law(), sum.n);
        let statistic = null.statistic(&sum);
        let ln_p = null.p_value(statistic).ln();
        DocumentResult {
            id,
            tokens: tokens.len() as u64,
            scored: sum.n,
            statistic,
            z: null.z(statistic),
            ln_p,
            ln_p_adjusted: ln_p,
            evidence: false,
            spans: Some(self.spans(tokens)),
        }
    }

    /// The spans of one document at the plan's level, its own windows counted and no other document's.
    fn spans(&self, tokens: &[TokenId]) -> Vec<SpanResult> {
        let scan = Scan::new(self.reader, tokens);
        let spans = scan.spans(self.plan().alpha, NonZeroU64::MIN);
        spans.iter().map(|span| span_result(span, self.reader.law())).collect()
    }

    /// Documents in parallel; equal to [`document`](Self::document) on each, in order.
    #[must_use]
    pub fn documents(&self, documents: &[(String, Vec<TokenId>)]) -> Vec<DocumentResult> {
        documents.par_iter().map(|(id, tokens)| self.document(id.clone(), tokens)).collect()
    }
}

fn span_result(span: &Span, law: Law) -> SpanResult {
    SpanResult {
        start: span.start as u64,
        end: span.end as u64,
        byte_start: None,
        byte_end: None,
        window_start: span.window_start as u64,
        window_end: span.window_end as u64,
        n: span.tally.n,
        statistic: Null::new(law, span.tally.n).statistic(&span.tally),
        ln_p: span.p.ln(),
        ln_p_adjusted: span.p.adjusted().ln(),
        hypotheses: span.p.hypotheses(),
        excerpt: None,
    }
}

/// Adjusts documents by Holm and says which are evidence at `alpha`; spans by Bonferroni over the windows of all documents,
/// and those that are then above `alpha` are dropped. `runs` is [`Plan::hypotheses`](crate::Plan::hypotheses).
///
/// Documents, spans and the tests of the whole text are three families: each keeps the chance of a single false finding in
/// it at alpha, and whoever reads all three has up to three times alpha.
pub fn adjust_documents(documents: &mut [DocumentResult], alpha: f64, runs: NonZeroU64) {
    let n_documents = documents.len() as u64;
    let p: Vec<LnP> = documents.iter().map(|document| LnP::from_ln(document.ln_p)).collect();
    for (document, adjusted) in documents.iter_mut().zip(holm(&p)) {
        document.ln_p_adjusted = adjusted.times(runs.get()).ln();
        document.evidence = document.ln_p_adjusted <= libm::log(alpha);
        for span in document.spans.iter_mut().flatten() {
            let windows = hypotheses(document.scored as usize, span.n as usize);
            span.hypotheses = windows.saturating_mul(n_documents).saturating_mul(runs.get());
            span.ln_p_adjusted = LnP::from_ln(span.ln_p).times(span.hypotheses.max(1)).ln();
        }
        if let Some(spans) = &mut document.spans {
            spans.retain(|span| span.ln_p_adjusted <= libm::log(alpha));
        }
    }
}
