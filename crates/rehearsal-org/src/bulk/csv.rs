//! Reads an upload: finds its rows, holding it to the job's line ending and number of columns, and takes a row apart.
//! Written by hand because rows are kept as byte ranges of the upload, and the wrong line ending must be noticed.

use std::ops::Range;

/// Why an upload can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CsvFault {
    LineEnding,
    /// A quote where none may be, or one that is never closed; the row, from 1, the header being 0.
    Quote(usize),
    /// A row with another number of columns than the header.
    Columns {
        row: usize,
        found: usize,
        header: usize,
    },
    Empty,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    FieldStart,
    Plain,
    Quoted,
    /// Just after a quote inside a quoted field: doubled, or the field's end.
    Quote,
}

/// Finds the rows of an upload that comes piece by piece. Blank lines are none.
pub(super) struct Scanner {
    delimiter: u8,
    crlf: bool,
    /// Columns of the header, once it was found.
    header: Option<usize>,
    rows: usize,
    place: usize,
    start: usize,
    columns: usize,
    at: At,
    before: u8,
    /// The byte ranges of the rows found since they were last taken, the header first, without line endings.
    pub(super) found: Vec<Range<u32>>,
}

impl Scanner {
    pub(super) fn new(delimiter: u8, crlf: bool) -> Self {
        Self {
            delimiter,
            crlf,
            header: None,
            rows: 0,
            place: 0,
            start: 0,
            columns: 1,
            at: At::FieldStart,
            before: 0,
            found: Vec::new(),
        }
    }

    pub(super) fn feed(&mut self, piece: &[u8]) -> Result<(), CsvFault> {
        for &byte in piece {
            self.take(byte)?;
            self.before = byte;
            self.place += 1;
        }
        Ok(())
    }

    fn take(&mut self, byte: u8) -> Result<(), CsvFault> {
        if self.at == At::Quoted {
            if byte == b'"' {
                self.at = At::Quote;
            }
        } else if byte == self.delimiter {
            self.columns += 1;
            self.at = At::FieldStart;
        } else if byte == b'\n' {
            let before = self.place > self.start && self.before == b'\r';
            if before != self.crlf {
                return Err(CsvFault::LineEnding);
            }
            self.end_row(self.place - usize::from(before))?;
            self.start = self.place + 1;
            (self.columns, self.at) = (1, At::FieldStart);
        } else {
            self.at = match (self.at, byte) {
                (At::FieldStart | At::Quote, b'"') => At::Quoted,
                (At::Quote, b'\r') if self.crlf => At::Quote,
                (At::Quote, _) | (At::Plain, b'"') => return Err(CsvFault::Quote(self.rows)),
                _ => At::Plain,
            };
        }
        Ok(())
    }

    fn end_row(&mut self, to: usize) -> Result<(), CsvFault> {
        if self.start == to {
            return Ok(());
        }
        let header = *self.header.get_or_insert(self.columns);
        if self.columns != header {
            return Err(CsvFault::Columns {
                row: self.rows,
                found: self.columns,
                header,
            });
        }
        self.rows += 1;
        self.found.push(self.start as u32..to as u32);
        Ok(())
    }

    /// Ends the last row.
    pub(super) fn finish(&mut self) -> Result<(), CsvFault> {
        if self.at == At::Quoted {
            return Err(CsvFault::Quote(self.rows));
        }
        let cut = self.crlf && self.before == b'\r';
        let last = self.place - usize::from(cut);
        self.end_row(last.max(self.start))?;
        if self.rows == 0 {
            return Err(CsvFault::Empty);
        }
        Ok(())
    }
}

/// The values of one row, reused from row to row.
#[derive(Debug, Default)]
pub(super) struct Fields {
    text: String,
    ends: Vec<usize>,
}

impl Fields {
    /// Takes apart a row that a [`Scanner`] found.
    pub(super) fn read(&mut self, row: &str, delimiter: u8) {
        self.text.clear();
        self.ends.clear();
        let bytes = row.as_bytes();
        let mut at = 0;
        loop {
            if bytes.get(at) == Some(&b'"') {
                at += 1;
                loop {
                    let length = bytes[at..].iter().take_while(|b| **b != b'"').count();
                    self.text.push_str(&row[at..at + length]);
                    at += length + 1;
                    if bytes.get(at) != Some(&b'"') {
                        break;
                    }
                    self.text.push('"');
                    at += 1;
                }
            } else {
                let length = bytes[at..].iter().take_while(|b| **b != delimiter).count();
                self.text.push_str(&row[at..at + length]);
                at += length;
            }
            self.ends.push(self.text.len());
            if at >= bytes.len() {
                break;
            }
            at += 1;
            if at == bytes.len() {
                self.ends.push(self.text.len());
                break;
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        let mut from = 0;
        self.ends.iter().map(move |end| {
            let field = &self.text[from..*end];
            from = *end;
            field
        })
    }

    pub(super) fn get(&self, column: usize) -> Option<&str> {
        let from = match column {
            0 => 0,
            _ => *self.ends.get(column - 1)?,
        };
        Some(&self.text[from..*self.ends.get(column)?])
    }
}

/// Appends a value in quotes.
pub(super) fn write_quoted(text: &str, out: &mut String) {
    out.push('"');
    if text.contains('"') {
        out.push_str(&text.replace('"', "\"\""));
    } else {
        out.push_str(text);
    }
    out.push('"');
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn scanned(text: &str, crlf: bool, size: usize) -> Result<Vec<Range<u32>>, CsvFault> {
        let mut scanner = Scanner::new(b',', crlf);
        for piece in text.as_bytes().chunks(size) {
            scanner.feed(piece)?;
        }
        scanner.finish()?;
        Ok(scanner.found)
    }

    fn read(text: &str, crlf: bool) -> Result<Vec<Vec<String>>, CsvFault> {
        // In pieces of every size, to the same end.
        let rows = scanned(text, crlf, 1)?;
        for size in [2, 3, text.len().max(1)] {
            assert_eq!(scanned(text, crlf, size).as_ref(), Ok(&rows));
        }
        let mut fields = Fields::default();
        Ok(rows
            .into_iter()
            .map(|row| {
                fields.read(&text[row.start as usize..row.end as usize], b',');
                fields.iter().map(str::to_owned).collect()
            })
            .collect())
    }

    #[test]
    fn reads_quotes_breaks_and_blank_lines() {
        let text = "a,b\n1,\"x\"\"y\"\n\n\"2\nlines\",\n,\"\"\n3, spaced ";
        assert_eq!(
            read(text, false).unwrap(),
            [
                vec!["a", "b"],
                vec!["1", "x\"y"],
                vec!["2\nlines", ""],
                vec!["", ""],
                vec!["3", " spaced "]
            ]
        );
        assert_eq!(read("a\r\n\"b\"\r\n", true).unwrap(), [["a"], ["b"]]);
        assert_eq!(
            read("a,b\r\n\"1\n2\",x\r\n", true).unwrap(),
            [["a", "b"], ["1\n2", "x"]]
        );
    }

    #[test]
    fn agrees_with_the_csv_crate() {
        let text = "Name,Note\n\"ทดสอบ, \"\"ก\"\"\",é\n\"a\nb\",\"\"\nplain,\n";
        let mut reader = ::csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(text.as_bytes());
        let theirs: Vec<Vec<String>> = reader
            .records()
            .map(|r| r.unwrap().iter().map(str::to_owned).collect())
            .collect();
        assert_eq!(read(text, false).unwrap(), theirs);
    }

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(read("a\r\n1\r\n", false), Err(CsvFault::LineEnding));
        assert_eq!(read("a\n1\n", true), Err(CsvFault::LineEnding));
        assert_eq!(read("a\n\"1\n", false), Err(CsvFault::Quote(1)));
        assert_eq!(read("a,b\n1, \"2\"\n", false), Err(CsvFault::Quote(1)));
        assert_eq!(read("a\n\"1\"2\n", false), Err(CsvFault::Quote(1)));
        assert_eq!(
            read("a,b\n1,2\n3\n", false),
            Err(CsvFault::Columns {
                row: 2,
                found: 1,
                header: 2
            })
        );
        assert_eq!(read("\n\n", false), Err(CsvFault::Empty));
    }
}
