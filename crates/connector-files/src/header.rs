//! A file's first line: the names of its columns.

use std::path::Path;

use csv::ByteRecord;
use model::Failure;

use crate::scan::{Place, Scan};

/// More columns than this are a mistake, such as a wrong delimiter.
const MOST_COLUMNS: usize = 10_000;
/// Where a file begins.
const TOP: Place = Place { byte: 0, line: 1 };

/// The columns' names, and where the first record begins.
pub(crate) fn read(path: &Path, delimiter: u8) -> Result<(Vec<String>, Place), Failure> {
    const MARK: &str = "\u{feff}";
    let invalid = |message: String| {
        Failure::usage("invalid_header", format!("{}: {message}", path.display()))
            .hint("the first line names the columns, each once; files in other encodings than UTF-8 are converted first")
    };
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .delimiter(delimiter)
        .from_path(path)
        .map_err(|error| invalid(error.to_string()))?;
    let mut header = ByteRecord::new();
    if !reader
        .read_byte_record(&mut header)
        .map_err(|error| invalid(error.to_string()))?
    {
        return Err(invalid("the file is empty".to_owned()));
    }
    let mut names = Vec::new();
    for name in &header {
        let name =
            std::str::from_utf8(name).map_err(|_| invalid("a name is not UTF-8".to_owned()))?;
        let name = name
            .strip_prefix(MARK)
            .filter(|_| names.is_empty())
            .unwrap_or(name);
        if name.is_empty() || names.iter().any(|known| known == name) {
            return Err(invalid(format!(
                "the name `{name}` is empty or there twice"
            )));
        }
        names.push(name.to_owned());
    }
    if names.len() > MOST_COLUMNS {
        return Err(invalid(format!(
            "it has {} columns, and {MOST_COLUMNS} are the most",
            names.len()
        )));
    }
    let mut scan = Scan::new(path, delimiter, TOP)?;
    Ok((names, scan.next_end()?.unwrap_or(TOP)))
}
