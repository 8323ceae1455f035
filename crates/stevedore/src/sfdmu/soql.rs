//! A SOQL query taken apart as far as a translation needs it: what is selected, from which object, and the clauses as they are written.

/// A query of an object.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Query {
    pub(super) object: String,
    pub(super) selected: Vec<Selected>,
    /// `WHERE …`, in one line; empty if there is none.
    pub(super) condition: String,
    /// What stands before and behind it, such as `ORDER BY Name LIMIT 5`.
    pub(super) clauses: String,
}

/// One thing that is selected.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Selected {
    Field(String),
    /// `Account.Name`, `Account__r.Owner.Email`.
    Path(String),
    /// SFDMU's `WhatId$Account`: a lookup to several objects, of which one is meant.
    Typed {
        field: String,
        object: String,
    },
    /// SFDMU's words for many fields at once: `all`, `createable_true`, `type_string`.
    Keyword(String),
    /// Functions, subqueries, `TYPEOF`.
    Other(String),
}

const KEYWORDS: &[&str] = &[
    "readonly",
    "custom",
    "standard",
    "updateable",
    "createable",
    "lookup",
    "person",
];

/// Compound fields that SFDMU takes for their parts.
const ADDRESSES: &[&str] = &["Billing", "Shipping", "Mailing"];
const PARTS: &[&str] = &[
    "Street",
    "City",
    "State",
    "PostalCode",
    "Country",
    "Latitude",
    "Longitude",
    "GeocodeAccuracy",
];

impl Query {
    /// Takes a query apart; says what is missing in one that can't be.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let line = one_line(text);
        let list = strip_word(&line, "select").ok_or("it does not begin with SELECT")?;
        let from = find_from(list).ok_or("it has no FROM")?;
        let selected = split(&list[..from])
            .into_iter()
            .flat_map(selected)
            .collect();
        let rest = list[from + "from".len()..].trim_start();
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        if end == 0 {
            return Err("it names no object after FROM");
        }
        let tail = rest[end..].trim().trim_end_matches(';').trim();
        let (condition, clauses) = match strip_word(tail, "where") {
            Some(_) => tail.split_at(find_clause(tail)),
            None => ("", tail),
        };
        Ok(Self {
            object: rest[..end].to_owned(),
            selected,
            condition: condition.trim_end().to_owned(),
            clauses: clauses.to_owned(),
        })
    }

    /// The query of these columns, with this one's condition and clauses.
    pub(super) fn of_columns(&self, columns: &[String]) -> String {
        let mut text = format!("SELECT {} FROM {}", columns.join(", "), self.object);
        for part in [&self.condition, &self.clauses] {
            if !part.is_empty() {
                text.push(' ');
                text.push_str(part);
            }
        }
        text
    }

    /// Whether its clauses say nothing but an order, which changes no record.
    pub(super) fn only_orders(&self) -> bool {
        strip_word(&self.clauses, "order").is_some()
            && find_clause(&self.clauses[1..]) == self.clauses.len() - 1
    }
}

fn selected(text: &str) -> Vec<Selected> {
    let lower = text.to_lowercase();
    let is_name = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let of = |name: &str| match name.split_once('_') {
        Some((word, "true" | "false")) => KEYWORDS.contains(&word),
        Some(("type", kind)) => !kind.contains('_'),
        _ => name == "all",
    };
    if of(&lower) {
        return vec![Selected::Keyword(text.to_owned())];
    }
    if let Some((field, object)) = text.split_once('$')
        && is_name(field)
        && is_name(object)
    {
        let (field, object) = (field.to_owned(), object.to_owned());
        return vec![Selected::Typed { field, object }];
    }
    if is_name(text) {
        let address = ADDRESSES
            .iter()
            .find(|kind| lower == format!("{}address", kind.to_lowercase()));
        return match address {
            Some(kind) => {
                let parts = PARTS.iter().map(|part| format!("{kind}{part}"));
                parts.map(Selected::Field).collect()
            }
            None if lower == "id" => vec![Selected::Field("Id".to_owned())],
            None => vec![Selected::Field(text.to_owned())],
        };
    }
    if text.contains('.') && text.split('.').all(is_name) {
        return vec![Selected::Path(text.to_owned())];
    }
    vec![Selected::Other(text.to_owned())]
}

/// Line ends, tabs and rows of blanks become one blank, but for those in texts.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    walk(text.trim(), |_, c, in_text, _| {
        if in_text || !c.is_whitespace() {
            line.push(if c.is_control() { ' ' } else { c });
        } else if !line.ends_with(' ') {
            line.push(' ');
        }
    });
    line
}

/// Where the query's own FROM stands, not that of a subquery.
fn find_from(list: &str) -> Option<usize> {
    let mut found = None;
    walk(list, |at, _, in_text, depth| {
        let before = list[..at].chars().next_back();
        let apart = before.is_some_and(|c| c.is_whitespace() || c == ')');
        if found.is_none()
            && !in_text
            && depth == 0
            && apart
            && strip_word(&list[at..], "from").is_some()
        {
            found = Some(at);
        }
    });
    found
}

/// Where the first clause behind a condition begins; the end if there is none.
fn find_clause(tail: &str) -> usize {
    const CLAUSES: &[&str] = &[
        "all", "for", "group", "having", "limit", "offset", "order", "update", "using", "with",
    ];
    let mut found = tail.len();
    walk(tail, |at, _, in_text, depth| {
        let apart = tail[..at].ends_with(|c: char| c.is_whitespace() || c == ')');
        let is_clause = || {
            CLAUSES
                .iter()
                .any(|word| strip_word(&tail[at..], word).is_some())
        };
        if at < found && !in_text && depth == 0 && apart && is_clause() {
            found = at;
        }
    });
    found
}

/// What is between the commas that stand outside of parentheses and texts.
fn split(list: &str) -> Vec<&str> {
    let mut cuts = Vec::new();
    walk(list, |at, c, in_text, depth| {
        if c == ',' && !in_text && depth == 0 {
            cuts.push(at);
        }
    });
    let starts = std::iter::once(0).chain(cuts.iter().map(|at| at + 1));
    let ends = cuts.iter().copied().chain([list.len()]);
    starts
        .zip(ends)
        .map(|(start, end)| list[start..end].trim())
        .filter(|part| !part.is_empty())
        .collect()
}

/// Visits every character with its place, whether it is in a text, and how many parentheses are open before it.
fn walk(text: &str, mut visit: impl FnMut(usize, char, bool, usize)) {
    let (mut in_text, mut escaped, mut depth) = (false, false, 0_usize);
    for (at, c) in text.char_indices() {
        visit(at, c, in_text, depth);
        match c {
            _ if escaped => escaped = false,
            '\\' if in_text => escaped = true,
            '\'' => in_text = !in_text,
            '(' if !in_text => depth += 1,
            ')' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
}

/// What follows a word, in any case, that stands at the start.
fn strip_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let head = text.get(..word.len())?;
    let rest = &text[word.len()..];
    let ends = rest.starts_with(|c: char| c.is_whitespace() || c == '(');
    (head.eq_ignore_ascii_case(word) && ends).then(|| rest.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str) -> Selected {
        Selected::Field(name.to_owned())
    }

    #[test]
    fn a_query_is_taken_apart() {
        let query = Query::parse(
            "select Id,\n  Name, Account.Name, toLabel(Status), (SELECT Id FROM Contacts), WhatId$Account, createable_true\n\
             from Opportunity WHERE Name = 'from  (here, there' AND Id IN (SELECT A__c FROM B__c) limit 5",
        )
        .expect("a query");
        assert_eq!(query.object, "Opportunity");
        assert_eq!(
            query.condition,
            "WHERE Name = 'from  (here, there' AND Id IN (SELECT A__c FROM B__c)"
        );
        assert_eq!(query.clauses, "limit 5");
        assert_eq!(
            query.selected,
            [
                field("Id"),
                field("Name"),
                Selected::Path("Account.Name".to_owned()),
                Selected::Other("toLabel(Status)".to_owned()),
                Selected::Other("(SELECT Id FROM Contacts)".to_owned()),
                Selected::Typed {
                    field: "WhatId".to_owned(),
                    object: "Account".to_owned()
                },
                Selected::Keyword("createable_true".to_owned()),
            ]
        );
        assert_eq!(
            query.of_columns(&["Id".to_owned(), "A.B".to_owned()]),
            "SELECT Id, A.B FROM Opportunity WHERE Name = 'from  (here, there' AND Id IN (SELECT A__c FROM B__c) limit 5"
        );
    }

    #[test]
    fn clauses_are_told_from_conditions() {
        let of = |tail: &str| {
            let query = Query::parse(&format!("SELECT Id FROM A {tail}")).expect("a query");
            let only_orders = query.only_orders();
            (query.condition, query.clauses, only_orders)
        };
        let parts = |condition: &str, clauses: &str, only_orders: bool| {
            (condition.to_owned(), clauses.to_owned(), only_orders)
        };
        assert_eq!(of(""), parts("", "", false));
        assert_eq!(
            of("WHERE Limit__c = ' order by '"),
            parts("WHERE Limit__c = ' order by '", "", false)
        );
        assert_eq!(
            of("where (a = 1)ORDER BY b, c DESC"),
            parts("where (a = 1)", "ORDER BY b, c DESC", true)
        );
        assert_eq!(
            of("ORDER BY b LIMIT 5"),
            parts("", "ORDER BY b LIMIT 5", false)
        );
        assert_eq!(
            of("a WHERE x = 1 LIMIT 5"),
            parts("", "a WHERE x = 1 LIMIT 5", false)
        );
        assert_eq!(of("ALL ROWS"), parts("", "ALL ROWS", false));
    }

    #[test]
    fn keywords_and_addresses_are_known_from_fields() {
        let of = |text: &str| {
            Query::parse(&format!("SELECT {text} FROM A"))
                .expect("a query")
                .selected
        };
        assert_eq!(of("all"), [Selected::Keyword("all".to_owned())]);
        assert_eq!(
            of("type_string"),
            [Selected::Keyword("type_string".to_owned())]
        );
        assert_eq!(of("Custom_Field__c"), [field("Custom_Field__c")]);
        assert_eq!(of("BillingAddress").len(), 8);
    }

    #[test]
    fn what_is_no_query_says_why() {
        for (text, why) in [
            ("", "it does not begin with SELECT"),
            ("Id FROM Account", "it does not begin with SELECT"),
            ("SELECT Id, Name", "it has no FROM"),
            ("SELECT Id FROM  ", "it has no FROM"),
            ("SELECT Id FROM (x)", "it names no object after FROM"),
        ] {
            assert_eq!(Query::parse(text), Err(why), "{text}");
        }
    }
}
