//! The few words in which the two engines differ. Statements are written once, with a word in braces for each of these.
//!
//! | word | means |
//! |---|---|
//! | `{now}` | the database's clock, at this moment |
//! | `{now+$3}` `{now-$3}` | the same, parameter 3 milliseconds later or earlier |
//! | `{leads}` | the term in parameter 1 is still the leader's, and stays so until the end of the transaction |
//! | `{keep}` | the rows read stay as they are until the end of the transaction |

use std::fmt::Write as _;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Postgres,
    Sqlite,
}

/// PostgreSQL: a key-share lock makes a take-over wait, which changes the unique column `term`, and lets renewals pass, which
/// don't. Were the row changed while we wait for the lock, its newest version is looked at again. SQLite has one writer at a time.
const LEADS: [&str; 2] = [
    "exists (select 1 from leadership where term = $1 for key share)",
    "exists (select 1 from leadership where term = $1)",
];

pub(super) fn render(engine: Engine, sql: &str) -> String {
    let mut out = String::with_capacity(sql.len() + 96);
    let mut rest = sql;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let (word, tail) = after.split_once('}').unwrap_or((after, ""));
        write(engine, word, &mut out);
        rest = tail;
    }
    out.push_str(rest);
    out
}

fn write(engine: Engine, word: &str, out: &mut String) {
    let shifted = word
        .strip_prefix("now")
        .and_then(|shift| Some((shift.get(..1)?, shift.get(1..)?)));
    // Writing to a string can't fail.
    let _ = match (engine, word, shifted) {
        (Engine::Postgres, "now", _) => write!(out, "clock_timestamp()"),
        (Engine::Sqlite, "now", _) => write!(out, "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"),
        (Engine::Postgres, _, Some((sign, parameter))) => {
            write!(
                out,
                "(clock_timestamp() {sign} {parameter} * interval '1 millisecond')"
            )
        }
        (Engine::Sqlite, _, Some((sign, parameter))) => write!(
            out,
            "strftime('%Y-%m-%dT%H:%M:%fZ', 'now', format('{sign}%.3f seconds', {parameter} / 1000.0))"
        ),
        (Engine::Postgres, "leads", _) => out.write_str(LEADS[0]),
        (Engine::Sqlite, "leads", _) => out.write_str(LEADS[1]),
        (Engine::Postgres, "keep", _) => write!(out, "for share"),
        (Engine::Sqlite, "keep", _) => Ok(()),
        // Shows up as a syntax error in the first test that runs the statement.
        (_, other, _) => write!(out, "{{{other}}}"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_replaced_per_engine() {
        let sql = "update t set until = {now+$2} where until < {now} and {leads}";
        assert_eq!(
            render(Engine::Postgres, sql),
            "update t set until = (clock_timestamp() + $2 * interval '1 millisecond') where until < clock_timestamp() \
             and exists (select 1 from leadership where term = $1 for key share)"
        );
        assert!(!render(Engine::Sqlite, sql).contains('{'));
        assert_eq!(render(Engine::Sqlite, "no words"), "no words");
    }
}
