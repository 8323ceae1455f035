//! The three result files, written piece by piece while they are sent, their rows in an order of their own.

use std::io;
use std::sync::Arc;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;

use super::csv::{Fields, write_quoted};
use super::job::{Job, State};
use super::ledger::RowOutcome;
use super::table::Table;
use crate::org::Org;
use crate::write::Operation;

/// Rows read at a time: a stretch of the upload. Stretches come in any order, and so do the rows of each.
const STRETCH: usize = 1000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum File {
    Successful,
    Failed,
    Unprocessed,
}

impl File {
    pub(super) fn named(name: &str) -> Option<Self> {
        [
            ("successfulResults", Self::Successful),
            ("failedResults", Self::Failed),
            ("unprocessedrecords", Self::Unprocessed),
        ]
        .into_iter()
        .find_map(|(n, file)| n.eq_ignore_ascii_case(name).then_some(file))
    }

    fn holds(self, outcome: &RowOutcome) -> bool {
        match outcome {
            RowOutcome::Created(_) | RowOutcome::Updated(_) => self == Self::Successful,
            RowOutcome::Failed(_) => self == Self::Failed,
            RowOutcome::Unprocessed => self == Self::Unprocessed,
        }
    }
}

/// A result file ready to be sent.
pub(super) struct Results {
    org: Arc<Org>,
    job: Arc<Job>,
    file: File,
    table: Option<Arc<Table>>,
    rows: usize,
    /// The stretches of the upload still to be looked through.
    stretches: std::vec::IntoIter<usize>,
    shuffle: StdRng,
    header_sent: bool,
}

/// The rows of a job, read first if it was aborted before its upload was ever looked at.
pub(super) fn results(org: &Arc<Org>, job: &Arc<Job>, file: File) -> Results {
    let table = table(org, job);
    let total = table.as_ref().map_or(0, |table| table.len());
    let rows = {
        let progress = job.progress();
        match file {
            File::Successful => progress.processed - progress.failed,
            File::Failed => progress.failed,
            File::Unprocessed => total - progress.processed,
        }
    };
    let mut shuffle = StdRng::seed_from_u64(org.seed ^ job.number.rotate_left(32) ^ file as u64);
    let mut stretches: Vec<usize> = (0..total).step_by(STRETCH).collect();
    if rows == 0 {
        stretches.clear();
    }
    stretches.shuffle(&mut shuffle);
    Results {
        org: Arc::clone(org),
        job: Arc::clone(job),
        file,
        table,
        rows,
        stretches: stretches.into_iter(),
        shuffle,
        header_sent: false,
    }
}

fn table(org: &Org, job: &Job) -> Option<Arc<Table>> {
    use super::job::Upload;
    let mut progress = job.progress();
    if progress.table.is_none()
        && progress.state == State::Aborted
        && let Upload::Done(content) = std::mem::replace(&mut progress.upload, Upload::None)
        && let Ok(table) = Table::read(&org.catalogue, &job.spec, content)
    {
        progress.table = Some(Arc::new(table));
    }
    progress.table.clone()
}

impl Results {
    pub(super) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    fn header(&self) -> String {
        let mut out = String::new();
        let (delimiter, ending) = self.marks();
        let own: &[&str] = match self.file {
            File::Successful => &["\"sf__Id\"", "\"sf__Created\""],
            File::Failed => &["\"sf__Id\"", "\"sf__Error\""],
            File::Unprocessed => &[],
        };
        let mut first = true;
        let mut column = |text: &dyn Fn(&mut String)| {
            if !std::mem::take(&mut first) {
                out.push(delimiter);
            }
            text(&mut out);
        };
        for name in own {
            column(&|out| out.push_str(name));
        }
        for name in self.table.iter().flat_map(|table| &table.header) {
            let plain = !name.contains([delimiter, '"', '\n', '\r']);
            column(&|out| {
                if plain {
                    out.push_str(name)
                } else {
                    write_quoted(name, out)
                }
            });
        }
        out.push_str(ending);
        out
    }

    fn marks(&self) -> (char, &'static str) {
        let spec = &self.job.spec;
        (
            char::from(spec.delimiter.byte),
            if spec.crlf { "\r\n" } else { "\n" },
        )
    }

    fn row(
        &self,
        table: &Table,
        row: &str,
        outcome: &RowOutcome,
        fields: &mut Fields,
        out: &mut String,
    ) {
        let (delimiter, ending) = self.marks();
        fields.read(row, table.delimiter.byte);
        let id = |id| self.org.catalogue.id_text(id);
        let mut own = |first: &str, second: &str| {
            write_quoted(first, out);
            out.push(delimiter);
            write_quoted(second, out);
            out.push(delimiter);
        };
        match outcome {
            RowOutcome::Created(created) => own(&id(*created), "true"),
            RowOutcome::Updated(updated) => own(&id(*updated), "false"),
            RowOutcome::Failed(error) => {
                let known = !matches!(self.job.spec.operation, Operation::Insert);
                let id = table
                    .id
                    .filter(|_| known)
                    .and_then(|column| fields.get(column));
                own(id.unwrap_or_default(), error);
            }
            RowOutcome::Unprocessed => {}
        }
        for (place, value) in fields.iter().enumerate() {
            if place > 0 {
                out.push(delimiter);
            }
            write_quoted(value, out);
        }
        out.push_str(ending);
    }

    /// The rows of the next stretch that belong into the file.
    fn stretch(&mut self, table: &Table, from: usize) -> io::Result<String> {
        let rows = table.rows(from..(from + STRETCH).min(table.len()))?;
        let mut order: Vec<usize> = (0..rows.len())
            .filter(|row| self.file.holds(rows.outcome(*row)))
            .collect();
        order.shuffle(&mut self.shuffle);
        let mut fields = Fields::default();
        let mut out = String::with_capacity(order.len() * 256);
        for row in order {
            self.row(
                table,
                rows.text(row),
                rows.outcome(row),
                &mut fields,
                &mut out,
            );
        }
        Ok(out)
    }
}

impl Iterator for Results {
    type Item = io::Result<String>;

    fn next(&mut self) -> Option<Self::Item> {
        if !std::mem::replace(&mut self.header_sent, true) {
            return Some(Ok(self.header()));
        }
        let table = Arc::clone(self.table.as_ref()?);
        loop {
            let from = self.stretches.next()?;
            match self.stretch(&table, from) {
                Ok(text) if text.is_empty() => {}
                read => return Some(read),
            }
        }
    }
}
