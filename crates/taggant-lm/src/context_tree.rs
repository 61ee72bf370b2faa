//! All contexts of a text, as a tree that is read from the last token backwards.

use std::ops::Range;

use crate::padding::Padded;

/// The contexts of 0 to `order - 1` tokens that occur in a text.
///
/// The root, number 0, is the empty context; the children of a context are the same context with one more token in
/// front. A walk from the root along a history, newest token first, so meets its suffixes from short to long, and ends
/// with the longest that occurs.
///
/// Contexts are numbered by length, then by parent, then by their first token. The children of a context have
/// consecutive numbers, so the tree needs one number per context and a sorted list to search.
#[derive(Clone)]
pub(crate) struct ContextTree {
    /// The first token of each context. Of the root, which has none, anything.
    first_tokens: Vec<u32>,
    /// The number of the first child of each context, or where it would be; one more at the end.
    first_children: Vec<u32>,
}

/// A [`ContextTree`], and what only training needs to know about it.
pub(crate) struct GrownTree {
    pub(crate) tree: ContextTree,
    /// The context without its first token, for each context. Of the root, the root.
    pub(crate) parents: Vec<u32>,
    /// The longest context before each token of the text, in text order.
    pub(crate) longest: Vec<u32>,
}

impl ContextTree {
    /// The tree of all contexts of up to `order - 1` tokens in `text`.
    pub(crate) fn grow(text: &Padded, order: usize) -> GrownTree {
        let mut first_tokens = vec![0];
        let mut parents = vec![Self::ROOT];
        let mut longest = vec![Self::ROOT; text.n_tokens()];
        let mut occurrences = Vec::with_capacity(text.n_tokens());
        for length in 1..order {
            occurrences.clear();
            occurrences.extend(longest.iter().copied().zip(text.tokens_before(length)).zip(0_u32..));
            occurrences.sort_unstable();
            for same_context in occurrences.chunk_by(|a, b| a.0 == b.0) {
                let (parent, first_token) = same_context[0].0;
                for (_, index) in same_context {
                    longest[*index as usize] = parents.len() as u32;
                }
                parents.push(parent);
                first_tokens.push(first_token);
            }
        }

        first_tokens.shrink_to_fit();

        // Parents never decrease, so the first child of a context is the first whose parent is not before it. The
        // root is its own parent but nobody's child.
        let children = &parents[1..];
        let mut first_children = Vec::with_capacity(parents.len() + 1);
        let mut n_before = 0;
        for context in 0..=parents.len() as u32 {
            while children.get(n_before).is_some_and(|parent| *parent < context) {
                n_before += 1;
            }
            first_children.push(n_before as u32 + 1);
        }
        GrownTree { tree: Self { first_tokens, first_children }, parents, longest }
    }

    /// The number of contexts, the empty one included.
    pub(crate) fn n_contexts(&self) -> usize {
        self.first_tokens.len()
    }

    /// The context that is `context` with `token` in front, if it occurs.
    pub(crate) fn child(&self, context: u32, token: u32) -> Option<u32> {
        let children = self.children(context);
        let index = self.first_tokens[children.clone()].binary_search(&token).ok()?;
        Some((children.start + index) as u32)
    }

    fn children(&self, context: u32) -> Range<usize> {
        let context = context as usize;
        self.first_children[context] as usize..self.first_children[context + 1] as usize
    }

    pub(crate) const ROOT: u32 = 0;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_contexts(documents: &[&[u32]], order: usize, expected: &[&[u32]]) {
        let text = Padded::new(documents, order, 100).unwrap();
        let GrownTree { tree, parents, longest } = ContextTree::grow(&text, order);
        assert_eq!(tree.n_contexts(), expected.len());
        assert_eq!(longest.len(), text.n_tokens());
        for (number, context) in expected.iter().enumerate() {
            let mut found = ContextTree::ROOT;
            for token in context.iter().rev() {
                let child = tree.child(found, *token).unwrap();
                assert_eq!(parents[child as usize], found, "{context:?}");
                found = child;
            }
            assert_eq!(found as usize, number, "{context:?}");
        }
    }

    #[test]
    fn contexts_are_numbered_by_length_then_parent_then_token() {
        check_contexts(&[&[5, 7, 5, 6]], 3, &[&[], &[0], &[5], &[7], &[0, 0], &[0, 5], &[7, 5], &[5, 7]]);
    }

    #[test]
    fn no_document_has_only_the_empty_context() {
        check_contexts(&[], 4, &[&[]]);
        check_contexts(&[&[], &[]], 4, &[&[]]);
    }

    #[test]
    fn order_one_has_only_the_empty_context() {
        check_contexts(&[&[5, 7, 5, 6]], 1, &[&[]]);
    }

    #[test]
    fn context_that_does_not_occur_is_not_found() {
        let text = Padded::new(&[[5, 7, 5, 6]], 3, 100).unwrap();
        let tree = ContextTree::grow(&text, 3).tree;
        assert_eq!(tree.child(ContextTree::ROOT, 6), None);
        let seven = tree.child(ContextTree::ROOT, 7).unwrap();
        assert_eq!(tree.child(seven, 0), None);
    }
}
