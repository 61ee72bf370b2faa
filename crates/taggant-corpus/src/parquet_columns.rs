//! Columns of a Parquet file, and the rows of a corpus in them.

use std::fmt::Display;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, ListArray, RecordBatch};
use arrow_schema::{DataType, Schema};
use taggant::TokenId;

use crate::documents::Options;
use crate::ln_row::LnRow;
use crate::row::{Content, Row};

/// The columns of some rows, each of a type that [`wanted_columns`] found to fit.
pub(crate) struct Columns<'a> {
    batch: &'a RecordBatch,
    options: &'a Options,
}

impl<'a> Columns<'a> {
    pub(crate) fn of(batch: &'a RecordBatch, options: &'a Options) -> Self {
        Self { batch, options }
    }

    /// Reads row `i`. The message of an error is about the row and never shows its text.
    pub(crate) fn row(&self, i: usize) -> Result<Row, String> {
        let fields = &self.options.fields;
        let prompt = match self.options.prompts {
            true => self.content(&fields.prompt_tokens, &fields.prompt, i)?,
            false => None,
        };
        let weights = fields.weights.as_ref().map(|name| {
            let list = self.list(name, i).ok_or_else(|| format!("column `{name}` has no weights here"))?;
            floats(&list, |weight| weight, None).map_err(|message| in_column(name, &message))
        });
        let log_probs = fields.log_probs.as_ref().and_then(|name| {
            let list = self.list(name, i)?;
            Some(log_probs(&list, self.options.least_p).map_err(|message| in_column(name, &message)))
        });
        let Some(content) = self.content(&fields.tokens, &fields.text, i)? else {
            return Err(format!("expected `{}` or `{}`, found null", fields.text, fields.tokens));
        };
        let (weights, log_probs) = (weights.transpose()?, log_probs.transpose()?);
        Ok(Row {
            id: self.cell(&fields.id, i).and_then(|ids| id(ids, i)),
            content,
            weights,
            prompt,
            log_probs,
        })
    }

    /// A column, if it is there and row `i` is not null in it.
    fn cell(&self, name: &str, i: usize) -> Option<&ArrayRef> {
        let column = self.batch.column_by_name(name)?;
        (!column.data_type().is_null() && column.is_valid(i)).then_some(column)
    }

    fn list(&self, name: &str, i: usize) -> Option<ArrayRef> {
        self.cell(name, i)?.as_list_opt::<i32>().map(|lists| lists.value(i))
    }

    fn content(&self, tokens: &str, text: &str, i: usize) -> Result<Option<Content>, String> {
        if let Some(list) = self.list(tokens, i) {
            let ids = token_ids(&list).map_err(|message| in_column(tokens, &message))?;
            return Ok(Some(Content::Tokens(ids)));
        }
        let texts = self.cell(text, i).and_then(AsArray::as_string_opt::<i32>);
        Ok(texts.map(|texts| Content::Text(texts.value(i).to_owned())))
    }
}

/// The places in a schema of the columns that are read; an error if one is missing or of a type that does not fit.
pub(crate) fn wanted_columns(schema: &Schema, options: &Options) -> Result<Vec<usize>, String> {
    let fields = &options.fields;
    let mut places = Vec::new();
    let mut want = |name: &str, fits: fn(&DataType) -> bool, expected: &str| {
        let Some((place, field)) = schema.column_with_name(name) else { return Ok(false) };
        let found = field.data_type();
        // A column of nulls has no other type.
        if !fits(found) && !found.is_null() {
            return Err(format!("column `{name}` is of type {found}, expected {expected}"));
        }
        places.push(place);
        Ok(true)
    };
    let has_text = want(&fields.text, is_text, "strings")?;
    let has_tokens = want(&fields.tokens, is_list_of_integers, "lists of integers")?;
    if !has_text && !has_tokens {
        return Err(format!("expected a column `{}` or `{}`, found neither", fields.text, fields.tokens));
    }
    want(&fields.id, |found| is_text(found) || found.is_integer(), "strings or integers")?;
    if options.prompts {
        want(&fields.prompt, is_text, "strings")?;
        want(&fields.prompt_tokens, is_list_of_integers, "lists of integers")?;
    }
    if let Some(name) = &fields.weights
        && !want(name, is_list_of_floats, "lists of floats")?
    {
        return Err(format!("expected a column `{name}` with a weight for each token"));
    }
    if let Some(name) = &fields.log_probs {
        want(
            name,
            is_log_probs,
            "lists of structs of `ids`, a list of integers, and `ln_p`, a list of floats",
        )?;
    }
    Ok(places)
}

fn is_text(found: &DataType) -> bool {
    matches!(found, DataType::Utf8)
}

fn is_list_of(found: &DataType, fits: fn(&DataType) -> bool) -> bool {
    match found {
        DataType::List(item) => fits(item.data_type()) || item.data_type().is_null(),
        other => other.is_null(),
    }
}

fn is_list_of_integers(found: &DataType) -> bool {
    is_list_of(found, DataType::is_integer)
}

fn is_list_of_floats(found: &DataType) -> bool {
    is_list_of(found, DataType::is_floating)
}

fn is_log_probs(found: &DataType) -> bool {
    is_list_of(found, |item| match item {
        DataType::Struct(fields) => {
            let fits = |name: &str, fits: fn(&DataType) -> bool| {
                fields.find(name).map(|(_, field)| fits(field.data_type()))
            };
            fits("ln_p", is_list_of_floats) == Some(true) && fits("ids", is_list_of_integers) != Some(false)
        }
        _ => false,
    })
}

fn in_column(name: &str, message: &str) -> String {
    format!("column `{name}`, {message}")
}

/// The entries of one row of log-probs. Those of whole rows below `least_p` are dropped here already.
fn log_probs(list: &ArrayRef, least_p: f64) -> Result<Vec<Option<LnRow>>, String> {
    let Some(entries) = list.as_struct_opt() else { return Ok(vec![None; list.len()]) };
    let lists = |name: &str| entries.column_by_name(name).and_then(AsArray::as_list_opt::<i32>);
    let (ids, ln_p) = (lists("ids"), lists("ln_p"));
    let part =
        |lists: Option<&ListArray>, i| lists.filter(|lists| lists.is_valid(i)).map(|lists| lists.value(i));
    let logs = |list: &ArrayRef| {
        floats(list, |ln_p| ln_p as f32, Some(f32::NEG_INFINITY))
            .map_err(|message| format!("`ln_p`, {message}"))
    };
    let entry = |i: usize| match (part(ids, i), part(ln_p, i)) {
        _ if entries.is_null(i) => Ok(None),
        (None, None) => Ok(None),
        (Some(_), None) => Err("`ids` without `ln_p`".to_owned()),
        (None, Some(ln_p)) => Ok(Some(LnRow::whole(logs(&ln_p)?)?.without_below(least_p))),
        (Some(ids), Some(ln_p)) => {
            let ids = token_ids(&ids).map_err(|message| format!("`ids`, {message}"))?;
            LnRow::listed(ids, logs(&ln_p)?).map(Some)
        }
    };
    (0..entries.len()).map(|i| entry(i).map_err(|message| format!("entry {i}: {message}"))).collect()
}

/// Evaluates an expression about an array of integers, whichever they are.
macro_rules! with_integers {
    ($array:expr, $typed:ident => $value:expr, $other:expr) => {
        with_integers!($array, $typed => $value, $other, Int8 Int8Type, Int16 Int16Type, Int32 Int32Type,
            Int64 Int64Type, UInt8 UInt8Type, UInt16 UInt16Type, UInt32 UInt32Type, UInt64 UInt64Type)
    };
    ($array:expr, $typed:ident => $value:expr, $other:expr, $($variant:ident $type:ty),*) => {
        match $array.data_type() {
            $(DataType::$variant => {
                let $typed = $array.as_primitive::<$type>();
                $value
            })*
            _ => $other,
        }
    };
}

fn id(ids: &ArrayRef, i: usize) -> Option<String> {
    let text = || ids.as_string_opt::<i32>().map(|ids| ids.value(i).to_owned());
    with_integers!(ids, ids => Some(ids.value(i).to_string()), text())
}

fn token_ids(list: &ArrayRef) -> Result<Vec<TokenId>, String> {
    fn convert<T: Copy + Display + TryInto<TokenId>>(
        entries: impl Iterator<Item = Option<T>>,
    ) -> Result<Vec<TokenId>, String> {
        let id = |(i, entry): (usize, Option<T>)| {
            entry.and_then(|entry| entry.try_into().ok()).ok_or_else(|| {
                let found = entry.map_or("null".into(), |entry| entry.to_string());
                format!("entry {i}: expected a token id from 0 to {}, found {found}", TokenId::MAX)
            })
        };
        entries.enumerate().map(id).collect()
    }
    with_integers!(list, ids => convert(ids.iter()), convert(std::iter::repeat_n(None::<TokenId>, list.len())))
}

/// Floats as `from` has them; a null is `null`, or an error without one.
fn floats<T: Copy>(list: &ArrayRef, from: fn(f64) -> T, null: Option<T>) -> Result<Vec<T>, String> {
    let number = |(i, entry): (usize, Option<f64>)| {
        entry.map(from).or(null).ok_or_else(|| format!("entry {i}: expected a number, found null"))
    };
    match list.data_type() {
        DataType::Float16 => {
            let entries = list.as_primitive::<Float16Type>().iter().map(|entry| entry.map(f64::from));
            entries.enumerate().map(number).collect()
        }
        DataType::Float32 => {
            let entries = list.as_primitive::<Float32Type>().iter().map(|entry| entry.map(f64::from));
            entries.enumerate().map(number).collect()
        }
        DataType::Float64 => list.as_primitive::<Float64Type>().iter().enumerate().map(number).collect(),
        _ => std::iter::repeat_n(None, list.len()).enumerate().map(number).collect(),
    }
}
