//! Parquet files: their rows in order, a bounded number at a time.

use std::fmt::Display;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::ChunkReader;

use crate::batch::{BATCH_BYTES, BATCH_LOG_PROBS, BATCH_ROWS, RowOf};
use crate::documents::Options;
use crate::error::{Error, Kind};
use crate::parquet_columns::{Columns, wanted_columns};
use crate::source::{Seekable, Source};

/// Reads every row of a source. Rows are counted from 0.
pub(crate) fn read(
    source: &Source,
    input: Seekable,
    options: &Options,
    on_row: impl FnMut(RowOf) -> Result<(), Error>,
    on_bytes: &mut impl FnMut(u64),
) -> Result<(), Error> {
    let name = source.name();
    let io_error = |source| Kind::Io { at: name.clone(), source };
    match input {
        Seekable::File(file) => {
            let files = || file.try_clone().map_err(|error| io_error(error).into());
            read_groups::<File>(source, &files, options, on_row, on_bytes)
        }
        Seekable::Memory(bytes) => {
            let bytes = Bytes::from(bytes);
            read_groups::<Bytes>(source, &|| Ok(bytes.clone()), options, on_row, on_bytes)
        }
    }
}

fn read_groups<R: ChunkReader + 'static>(
    source: &Source,
    input: &dyn Fn() -> Result<R, Error>,
    options: &Options,
    mut on_row: impl FnMut(RowOf) -> Result<(), Error>,
    on_bytes: &mut impl FnMut(u64),
) -> Result<(), Error> {
    let (name, short_name) = (source.name(), source.short_name());
    let file = input()?;
    // What the file says of Arrow is passed over: there is one type for strings then, and one for lists.
    let arrow_options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let metadata = caught(&name, || ArrowReaderMetadata::load(&file, arrow_options))?;
    let columns = wanted_columns(metadata.schema(), options)
        .map_err(|message| Kind::Row { at: name.clone(), message })?;
    let mask = ProjectionMask::roots(metadata.parquet_schema(), columns);
    let (mut number, mut n_bytes) = (0_u64, 0_u64);
    for (group, of_group) in metadata.metadata().row_groups().iter().enumerate() {
        let of_group_input = input()?;
        let build = || {
            ParquetRecordBatchReaderBuilder::new_with_metadata(of_group_input, metadata.clone())
                .with_projection(mask.clone())
                .with_row_groups(vec![group])
                .with_batch_size(batch_rows(of_group, &mask))
                .build()
        };
        let mut reader: ParquetRecordBatchReader = caught(&row_name(&name, number), build)?;
        while let Some(batch) = caught(&row_name(&name, number), || reader.next().transpose())? {
            let columns = Columns::of(&batch, options);
            for i in 0..batch.num_rows() {
                let at = row_name(&name, number);
                let row = columns.row(i).map_err(|message| Kind::Row { at: at.clone(), message }.into());
                on_row(RowOf { at, id: format!("{short_name}:{number}"), row })?;
                number += 1;
            }
        }
        let of_group = u64::try_from(of_group.compressed_size()).unwrap_or(0);
        let of_group = of_group.min(file.len().saturating_sub(n_bytes));
        n_bytes += of_group;
        on_bytes(of_group);
    }
    on_bytes(file.len().saturating_sub(n_bytes));
    Ok(())
}

/// As many rows as a batch of documents has of this group, if all its rows are alike: rows of whole distributions
/// are read one by one.
fn batch_rows(group: &RowGroupMetaData, mask: &ProjectionMask) -> usize {
    let columns = || group.columns().iter().enumerate().filter(|(leaf, _)| mask.leaf_included(*leaf));
    let most_values = columns().map(|(_, column)| column.num_values()).max().unwrap_or(0);
    let n_bytes: i64 = columns().map(|(_, column)| column.uncompressed_size()).fold(0, i64::saturating_add);
    let count = |n: i64| usize::try_from(n).unwrap_or(0);
    let n_rows = count(group.num_rows());
    let of = |limit: usize, total: usize| limit.saturating_mul(n_rows) / total.max(1);
    BATCH_ROWS.min(of(BATCH_LOG_PROBS, count(most_values))).min(of(BATCH_BYTES, count(n_bytes))).max(1)
}

fn row_name(name: &str, number: u64) -> String {
    format!("{name}: row {number}")
}

/// What the library says of a file, on one line. On some damaged files it panics: that is a fault of the file too.
fn caught<T, E: Display>(at: &str, read: impl FnOnce() -> Result<T, E>) -> Result<T, Error> {
    let fault = |message: String| Error::from(Kind::Parquet { at: at.to_owned(), message });
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(result) => result.map_err(|error| fault(error.to_string().lines().collect::<Vec<_>>().join("; "))),
        Err(_) => Err(fault("it is damaged".into())),
    }
}
