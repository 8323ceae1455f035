//! Labels made from API names, for schemas that give none: `BillingCity` reads "Billing City",
//! `Annual_Spend__c` "Annual Spend".

pub(super) fn label(name: &str) -> String {
    let bare = name.strip_suffix("__c").unwrap_or(name);
    if bare.contains('_') || bare.len() != name.len() {
        return bare.replace('_', " ");
    }
    let mut out = String::with_capacity(bare.len() + 4);
    let mut before = ' ';
    for letter in bare.chars() {
        if letter.is_ascii_uppercase() && before.is_ascii_lowercase() {
            out.push(' ');
        }
        out.push(letter);
        before = letter;
    }
    match out.strip_suffix(" Id") {
        Some(rest) => format!("{rest} ID"),
        None => out,
    }
}

pub(super) fn plural(label: &str) -> String {
    match label.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        _ => format!("{label}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_like_a_label() {
        assert_eq!(label("BillingCity"), "Billing City");
        assert_eq!(label("AccountId"), "Account ID");
        assert_eq!(label("Annual_Spend__c"), "Annual Spend");
        assert_eq!(label("External_Id__c"), "External Id");
        assert_eq!(label("Id"), "Id");
        assert_eq!(plural(&label("Opportunity")), "Opportunities");
        assert_eq!(plural("Account"), "Accounts");
    }
}
