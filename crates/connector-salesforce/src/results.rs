//! What became of each row of a job: three files in any order, matched with our records by the loaded key alone.
//! Nothing is handed over before they add up to what was uploaded.

use std::collections::BTreeMap;
use std::io::Read;

use connector::{LoadPlan, Sent, Verdict};
use csv::StringRecord;
use model::migration::Operation;
use model::{Failure, FailureKind};
use tokio::sync::mpsc;

use crate::client::{Client, pause_after};
use crate::columns::columns;
use crate::key::{self, KeyForm};
use crate::row_error;
use crate::spool::Spool;

/// Downloads of all three, when they do not add up or can't be read.
const TRIES: u32 = 4;
/// Rows handed over at a time.
const PIECE: usize = 500;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum File {
    Successful,
    Failed,
    Unprocessed,
}

impl File {
    const ALL: [Self; 3] = [Self::Successful, Self::Failed, Self::Unprocessed];

    fn name(self) -> &'static str {
        match self {
            Self::Successful => "successfulResults",
            Self::Failed => "failedResults",
            Self::Unprocessed => "unprocessedrecords",
        }
    }
}

/// What reading needs to know of a plan.
#[derive(Debug, Clone)]
struct Shape {
    operation: Operation,
    /// The header as it was sent.
    sent: Vec<String>,
    /// Which of them is the key.
    key: usize,
    form: KeyForm,
    /// Lookups whose missing parents are of interest.
    lookups: Vec<Lookup>,
}

#[derive(Debug, Clone)]
struct Lookup {
    /// Which of the columns it is.
    column: usize,
    /// The org's words for the parent's field and object.
    told: String,
}

impl Shape {
    fn of(plan: &LoadPlan) -> Result<Self, Failure> {
        let field = key::field(plan)?;
        let sent: Vec<_> = columns(plan)?
            .into_iter()
            .map(|column| column.header)
            .collect();
        let key = sent
            .iter()
            .position(|header| *header == field.name)
            .ok_or_else(|| Failure::bug("the key is not sent").field(&field.name))?;
        let lookups = plan.missing.iter().filter_map(|missing| {
            Some(Lookup {
                column: sent.iter().position(|header| *header == missing.field)?,
                told: format!(
                    "not found for field {} in entity {}",
                    missing.key, missing.to
                ),
            })
        });
        Ok(Self {
            lookups: lookups.collect(),
            operation: plan.operation,
            sent,
            key,
            form: KeyForm::of(field),
        })
    }
}

pub(crate) async fn results(
    client: &Client,
    plan: &LoadPlan,
    job: &str,
    uploaded: u64,
    each: &mut (dyn FnMut(Sent) + Send),
) -> Result<(), Failure> {
    let shape = Shape::of(plan)?;
    let place = |failure: Failure| failure.object(&plan.object);
    let mut tries = 1;
    let files = loop {
        match complete(client, job, uploaded, &shape).await {
            Ok(files) => break files,
            Err(failure) if failure.kind == FailureKind::FailChunk && tries < TRIES => {
                tracing::debug!(job, tries, %failure, "reading the results again");
                tokio::time::sleep(pause_after(tries, None)).await;
                tries += 1;
            }
            Err(failure) => return Err(place(failure)),
        }
    };
    let (send, mut receive) = mpsc::channel::<Vec<Sent>>(4);
    let reading = tokio::task::spawn_blocking(move || hand_over(files, &shape, &send));
    while let Some(piece) = receive.recv().await {
        piece.into_iter().for_each(&mut *each);
    }
    reading
        .await
        .map_err(|error| Failure::bug(format!("reading results did not end: {error}")))?
        .map_err(place)
}

/// The files, as many as it takes to add up, which can be matched.
async fn complete(
    client: &Client,
    job: &str,
    uploaded: u64,
    shape: &Shape,
) -> Result<Vec<(File, Spool)>, Failure> {
    let mut files = Vec::new();
    for file in File::ALL {
        let mut spool = Spool::download(client, job, file.name()).await?;
        // The first row tells whether all can be matched.
        read(file, spool.reader()?, shape, |_| false)?;
        let has_all = spool.rows() == uploaded;
        files.push((file, spool));
        if has_all {
            // Nothing is left that the others could tell of.
            return Ok(files);
        }
    }
    let counts: Vec<_> = files.iter().map(|(_, spool)| spool.rows()).collect();
    let told: u64 = counts.iter().sum();
    if told == uploaded {
        return Ok(files);
    }
    Err(Failure::chunk(
        "results_incomplete",
        format!(
            "the job {job} was given {uploaded} records, and its results tell of {told} ({} written, {} failed, {} not processed)",
            counts[0], counts[1], counts[2]
        ),
    )
    .hint("the org may still be writing them: `stevedore retry` reads them again; if it stays so, compare the object with the source"))
}

fn hand_over(
    files: Vec<(File, Spool)>,
    shape: &Shape,
    send: &mpsc::Sender<Vec<Sent>>,
) -> Result<(), Failure> {
    let mut piece = Vec::with_capacity(PIECE);
    for (file, mut spool) in files {
        read(file, spool.reader()?, shape, |sent| {
            piece.push(sent);
            // Nobody listens any more once the caller has gone.
            piece.len() < PIECE || send.blocking_send(std::mem::take(&mut piece)).is_ok()
        })?;
    }
    let _ = send.blocking_send(piece);
    Ok(())
}

/// Reads one file; `each` says whether to go on.
fn read(
    file: File,
    input: impl Read,
    shape: &Shape,
    mut each: impl FnMut(Sent) -> bool,
) -> Result<(), Failure> {
    let mut rows = csv::ReaderBuilder::new().from_reader(input);
    let header = rows.headers().map_err(|error| unreadable(file, &error))?;
    let places = Places::find(file, header, shape);
    let mut row = StringRecord::new();
    while rows
        .read_record(&mut row)
        .map_err(|error| unreadable(file, &error))?
    {
        // Not before there is a row: an empty file need not have a header.
        let places = places.as_ref().map_err(Failure::clone)?;
        if !each(places.sent(&row, shape)) {
            break;
        }
    }
    Ok(())
}

fn unreadable(file: File, error: &csv::Error) -> Failure {
    Failure::chunk(
        "results_unreadable",
        format!("the job's {} can't be read: {error}", file.name()),
    )
}

/// Where a file has which column.
struct Places {
    file: File,
    id: Option<usize>,
    /// `sf__Created` or `sf__Error`.
    said: Option<usize>,
    /// For each column as it was sent.
    sent: Vec<Option<usize>>,
}

impl Places {
    fn find(file: File, header: &StringRecord, shape: &Shape) -> Result<Self, Failure> {
        let place = |name: &str| {
            header
                .iter()
                .position(|text| text.eq_ignore_ascii_case(name))
        };
        let said = match file {
            File::Successful => Some("sf__Created"),
            File::Failed => Some("sf__Error"),
            File::Unprocessed => None,
        };
        let places = Self {
            file,
            id: place("sf__Id"),
            said: said.and_then(place),
            sent: shape.sent.iter().map(|name| place(name)).collect(),
        };
        let missing = if places.sent[shape.key].is_none() {
            Some(shape.sent[shape.key].as_str())
        } else if file == File::Successful && places.id.is_none() {
            Some("sf__Id")
        } else {
            said.filter(|_| places.said.is_none())
        };
        match missing {
            None => Ok(places),
            Some(column) => Err(Failure::chunk(
                "results_unreadable",
                format!("the job's {} have no column `{column}`", file.name()),
            )),
        }
    }

    fn sent(&self, row: &StringRecord, shape: &Shape) -> Sent {
        let at = |place: Option<usize>| place.and_then(|place| row.get(place)).unwrap_or_default();
        let id = || at(self.id).to_owned();
        let verdict = match self.file {
            File::Unprocessed => Verdict::Unprocessed,
            File::Failed => {
                let error = row_error::parse(at(self.said));
                let lookups = orphaned(&error, shape, |column| at(self.sent[column]));
                if lookups.is_empty() {
                    error.verdict()
                } else {
                    Verdict::NoParent {
                        lookups,
                        code: error.code,
                        message: error.message,
                        fields: error.fields,
                    }
                }
            }
            File::Successful if shape.operation.deletes() => Verdict::Deleted { id: id() },
            File::Successful if at(self.said).eq_ignore_ascii_case("true") => {
                Verdict::Created { id: id() }
            }
            File::Successful => Verdict::Updated { id: id() },
        };
        let fields: BTreeMap<_, _> = match self.file {
            // Most records are written, and a job has many.
            File::Successful => BTreeMap::new(),
            File::Failed | File::Unprocessed => shape
                .sent
                .iter()
                .zip(&self.sent)
                .map(|(name, place)| (name.clone(), at(*place).to_owned()))
                .collect(),
        };
        Sent {
            key: shape.form.normal(at(self.sent[shape.key])),
            verdict,
            fields,
        }
    }
}

/// The lookups of a row that did not find their parent. The error is looked for by what was sent: keys are any text, and the org may tell theirs in small letters.
fn orphaned<'a>(
    error: &row_error::RowError,
    shape: &Shape,
    sent: impl Fn(usize) -> &'a str,
) -> Vec<String> {
    if shape.lookups.is_empty() || !error.message.contains("Foreign key external ID: ") {
        return Vec::new();
    }
    let message = error.message.to_lowercase();
    let orphans = shape.lookups.iter().filter(|lookup| {
        let told = format!(
            "Foreign key external ID: {} {}",
            sent(lookup.column),
            lookup.told
        );
        message.contains(&told.to_lowercase())
    });
    orphans
        .map(|lookup| shape.sent[lookup.column].clone())
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::plan;

    fn rows(file: File, text: &str, operation: Operation) -> Result<Vec<Sent>, Failure> {
        let key = if operation.deletes() {
            "Id"
        } else {
            "External_Id__c"
        };
        let plan = plan(operation, key, &["External_Id__c", "LastName"]);
        let shape = Shape::of(&plan)?;
        let mut spool = Spool::of(text);
        let mut all = Vec::new();
        read(file, spool.reader()?, &shape, |sent| {
            all.push(sent);
            true
        })?;
        Ok(all)
    }

    #[test]
    fn rows_are_matched_by_key_whatever_the_order_and_case_of_columns() {
        let text = "\"sf__Id\",\"sf__Created\",lastname,EXTERNAL_ID__C\n\"001\",\"true\",\"a\nb\",\"k1\"\n\"002\",\"false\",\"\",\"k2\"\n";
        let all = rows(File::Successful, text, Operation::Upsert).unwrap();
        assert_eq!(
            all[0].verdict,
            Verdict::Created {
                id: "001".to_owned()
            }
        );
        assert_eq!(
            all[1].verdict,
            Verdict::Updated {
                id: "002".to_owned()
            }
        );
        assert_eq!((all[0].key.as_str(), all[1].key.as_str()), ("k1", "k2"));
        assert!(all[0].fields.is_empty());
    }

    #[test]
    fn failed_and_unprocessed_rows_are_told_apart() {
        let text = "\"sf__Id\",\"sf__Error\",External_Id__c,LastName\n\"\",\"STRING_TOO_LONG:x:LastName --\",\"k\",\"v\"\n";
        let all = rows(File::Failed, text, Operation::Insert).unwrap();
        let Verdict::Failed { code, fields, .. } = &all[0].verdict else {
            panic!("{all:?}");
        };
        assert_eq!((code.as_str(), fields.len()), ("STRING_TOO_LONG", 1));
        assert_eq!(all[0].fields["LastName"], "v");
        let locked = text.replace("STRING_TOO_LONG", "UNABLE_TO_LOCK_ROW");
        let all = rows(File::Failed, &locked, Operation::Insert).unwrap();
        assert!(matches!(all[0].verdict, Verdict::Contended { .. }));
        let all = rows(
            File::Unprocessed,
            "External_Id__c,LastName\nk,v\n",
            Operation::Insert,
        );
        assert_eq!(all.unwrap()[0].verdict, Verdict::Unprocessed);
    }

    #[test]
    fn a_deleted_row_is_matched_by_its_id() {
        let text =
            "\"sf__Id\",\"sf__Created\",Id\n\"001D000000IqhSLIAZ\",\"false\",\"001D000000IqhSL\"\n";
        let all = rows(File::Successful, text, Operation::Delete).unwrap();
        assert_eq!(all[0].key, "001D000000IqhSLIAZ");
        assert!(matches!(all[0].verdict, Verdict::Deleted { .. }));
    }

    #[test]
    fn empty_files_of_any_form_have_no_rows() {
        for text in [
            "",
            "\n",
            "\"sf__Id\",\"sf__Created\"\n",
            "sf__Id,sf__Created,External_Id__c,LastName",
        ] {
            assert_eq!(
                rows(File::Successful, text, Operation::Upsert),
                Ok(vec![]),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_file_that_can_not_be_matched_is_refused() {
        for text in [
            "\"sf__Id\",\"sf__Created\",LastName\n1,true,x\n",
            "\"sf__Id\",External_Id__c\n1,x\n",
            "\"sf__Id\",\"sf__Created\",External_Id__c\n1,true\n",
        ] {
            let failure = rows(File::Successful, text, Operation::Upsert).unwrap_err();
            assert_eq!(failure.code, "results_unreadable", "{text}");
        }
    }
}
