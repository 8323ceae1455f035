//! How alike two names are: the same, the same but for case, for signs and endings, or by what people commonly call a thing.

/// The surer the smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Likeness {
    Exact,
    Case,
    /// But for `_`, blanks, `__c`.
    Signs,
    /// One is the plural of the other.
    Number,
    /// They mean the same, as people use the words.
    Words,
}

impl Likeness {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Exact => "the same name",
            Self::Case => "the same name but for case",
            Self::Signs => "the same name but for signs",
            Self::Number => "singular and plural",
            Self::Words => "a guess by common words",
        }
    }

    pub(super) fn is_guess(self) -> bool {
        self == Self::Words
    }
}

/// Words that are commonly used for one another, in small letters and without signs; the first stands for all.
const WORDS: &[&[&str]] = &[
    &["birthdate", "birthday", "dateofbirth", "dob"],
    &["city", "town"],
    &["closedate", "closingdate", "closedat"],
    &["country", "nation"],
    &["email", "mail", "emailaddress", "mailaddress"],
    &["employees", "numberofemployees", "headcount"],
    &["fax", "faxnumber", "telefax"],
    &["firstname", "forename", "givenname"],
    &["lastname", "surname", "familyname"],
    &["mobilephone", "mobile", "cell", "cellphone", "mobilenumber"],
    &["name", "title"],
    &[
        "phone",
        "telephone",
        "tel",
        "phonenumber",
        "telephonenumber",
        "phoneno",
    ],
    &["postalcode", "zip", "zipcode", "postcode"],
    &["revenue", "annualrevenue", "turnover"],
    &["stage", "stagename"],
    &["state", "province"],
    &["website", "url", "homepage"],
];

/// How a column's name is like a field's. `object` is what holds them, whose name may stand before either.
pub(super) fn fields(column: &str, field: &str, object: &str) -> Option<Likeness> {
    let (a, b) = (bare(column), bare(field));
    if a.is_empty() || b.is_empty() {
        return (column == field).then_some(Likeness::Exact);
    }
    let prefix = bare(&singular(object));
    let without = |name: &str| {
        let rest = name.strip_prefix(&prefix).filter(|rest| !rest.is_empty());
        rest.map(str::to_owned)
    };
    let (x, y) = (common(column), common(field));
    if let Some(likeness) = literal(column, field) {
        Some(likeness)
    } else if x == y || without(&x).as_ref() == Some(&y) || without(&y).as_ref() == Some(&x) {
        Some(Likeness::Words)
    } else {
        None
    }
}

/// How a table's name is like an object's.
pub(super) fn objects(table: &str, object: &str) -> Option<Likeness> {
    let unqualified = |name: &str| name.rsplit('.').next().unwrap_or(name).to_owned();
    let (table, object) = (unqualified(table), unqualified(object));
    literal(&table, &object).or_else(|| {
        let same = bare(&singular(&table)) == bare(&singular(&object));
        (same && !bare(&table).is_empty()).then_some(Likeness::Number)
    })
}

fn literal(a: &str, b: &str) -> Option<Likeness> {
    if a == b {
        Some(Likeness::Exact)
    } else if a.to_lowercase() == b.to_lowercase() {
        Some(Likeness::Case)
    } else if bare(a) == bare(b) && !bare(a).is_empty() {
        Some(Likeness::Signs)
    } else {
        None
    }
}

/// In small letters, without the ending of a custom name, and without signs.
pub(super) fn bare(name: &str) -> String {
    let small = name.to_lowercase();
    let stem = ["__c", "__r"]
        .iter()
        .find_map(|ending| small.strip_suffix(ending));
    let letters = stem.unwrap_or(&small).chars();
    letters.filter(|c| c.is_alphanumeric()).collect()
}

/// `company` of `companies`, by English rules; a custom name's ending stays.
pub(super) fn singular(name: &str) -> String {
    let small = name.to_lowercase();
    let (stem, ending) = match small.strip_suffix("__c") {
        Some(stem) => (stem, "__c"),
        None => (small.as_str(), ""),
    };
    let one = if let Some(stem) = stem.strip_suffix("ies").filter(|stem| stem.len() > 1) {
        format!("{stem}y")
    } else if let Some(one) = ["sses", "shes", "ches", "xes", "uses"]
        .iter()
        .find_map(|ending| stem.ends_with(ending).then(|| &stem[..stem.len() - 2]))
    {
        one.to_owned()
    } else if stem.ends_with('s') && !["ss", "us", "is"].iter().any(|end| stem.ends_with(end)) {
        stem[..stem.len() - 1].to_owned()
    } else {
        stem.to_owned()
    };
    one + ending
}

/// The name with each of its words as people commonly say it.
fn common(name: &str) -> String {
    let of = |word: &str| {
        let known = WORDS.iter().find(|words| words.contains(&word));
        known.map_or_else(|| word.to_owned(), |words| words[0].to_owned())
    };
    let whole = bare(name);
    match of(&whole) {
        common if common != whole => common,
        _ => words(name).iter().map(|word| of(word)).collect(),
    }
}

/// `billing`, `zip` of `billing_zip`, and of `BillingZip`.
fn words(name: &str) -> Vec<String> {
    let stem = match name.to_lowercase().ends_with("__c") {
        true => name.get(..name.len() - "__c".len()).unwrap_or(name),
        false => name,
    };
    let mut words = vec![String::new()];
    let mut after_small = false;
    for letter in stem.chars() {
        if !letter.is_alphanumeric() || (letter.is_uppercase() && after_small) {
            words.push(String::new());
        }
        after_small = letter.is_lowercase() || letter.is_numeric();
        if letter.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    // Two that people write as one: `first_name`, `post_code`.
    let mut joined: Vec<String> = Vec::new();
    let mut rest = words.as_slice();
    while let [first, more @ ..] = rest {
        let pair = more.first().map(|second| format!("{first}{second}"));
        let known = |pair: &String| WORDS.iter().any(|words| words.contains(&pair.as_str()));
        match pair.filter(known) {
            Some(pair) => {
                joined.push(pair);
                rest = &more[1..];
            }
            None => {
                joined.push(first.clone());
                rest = more;
            }
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_alike_by_name_signs_and_words() {
        let alike = |column: &str, field: &str| fields(column, field, "contacts");
        assert_eq!(alike("Name", "Name"), Some(Likeness::Exact));
        assert_eq!(alike("NAME", "Name"), Some(Likeness::Case));
        for (column, field) in [
            ("annual_spend", "Annual_Spend__c"),
            ("last_name", "LastName"),
            ("Stage Name", "StageName"),
        ] {
            assert_eq!(alike(column, field), Some(Likeness::Signs), "{column}");
        }
        for (column, field) in [
            ("billing_zip", "BillingPostalCode"),
            ("e_mail", "Email"),
            ("mail_address", "Email"),
            ("surname", "LastName"),
            ("contact_name", "Name"),
            ("first name", "Forename"),
            ("name", "contact_name"),
        ] {
            let found = alike(column, field);
            assert!(found.is_some(), "{column} {field}");
        }
        for (column, field) in [
            ("status", "State"),
            ("id", "Email"),
            ("full_name", "LastName"),
            ("__", "--"),
        ] {
            assert_eq!(alike(column, field), None, "{column} {field}");
        }
    }

    #[test]
    fn tables_are_alike_in_singular_and_plural() {
        for (table, object) in [
            ("accounts", "Account"),
            ("companies", "Company__c"),
            ("crm.opportunities", "Opportunity"),
            ("addresses", "Address"),
            ("boxes", "Box__c"),
            ("status", "Statuses"),
        ] {
            assert_eq!(objects(table, object), Some(Likeness::Number), "{table}");
        }
        assert_eq!(
            objects("InvoiceLine", "invoice_line"),
            Some(Likeness::Signs)
        );
        assert_eq!(objects("accounts", "Contact"), None);
        assert_eq!(objects("news", "newses"), None);
    }
}
