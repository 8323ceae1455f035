//! The records of an object, some at a time, and one record with all its fields.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::html::{Html, grouped};
use crate::ids::RecordId;
use crate::org::Org;
use crate::schema::catalogue::{Home, Object};
use crate::store::Store;
use crate::store::output::write_field;

/// Records on a page.
const PAGE: usize = 50;
/// Characters of a value in a list.
const SHORT: usize = 80;

pub(super) fn list(org: &Org, name: &str, number: usize) -> Option<Html> {
    let object = org.catalogue.object(name)?;
    let store = org.read();
    let total = store.count(object.index);
    let pages = total.div_ceil(PAGE).max(1);
    let number = number.clamp(1, pages);
    let from = (number - 1) * PAGE;
    let ids: Vec<RecordId> = store
        .ids(object.index, false)
        .skip(from)
        .take(PAGE)
        .collect();
    let rows: Vec<Vec<(u16, String)>> = ids
        .iter()
        .map(|id| filled(org, &store, object, *id))
        .collect();
    let columns: BTreeSet<u16> = rows.iter().flatten().map(|(field, _)| *field).collect();
    let mut columns: Vec<u16> = columns.into_iter().filter(|f| listed(object, *f)).collect();
    // What a record is called by comes first.
    columns.sort_by_key(|f| (object.at(*f).name() != "Name", *f));

    let mut page = Html::new(&object.name);
    page.raw("<main><header>").element("h1", &object.plural);
    page.element("code class=soft", &object.name)
        .raw("<span class=soft>")
        .link("/", "Rehearsal org")
        .raw("</span></header>");
    page.raw("<section><div class=head>")
        .element("h2", &format!("{} records", grouped(total)));
    if total > 0 {
        let span = format!(
            "{} to {}, columns with a value here",
            grouped(from + 1),
            grouped(from + ids.len())
        );
        page.element("span class=soft", &span);
    }
    page.raw("</div>");
    if total == 0 {
        page.raw("<p class=soft>There is none yet.</p></section></main>");
        return Some(page);
    }
    page.raw("<div class=wide><table class=records><thead><tr><th>Id</th>");
    for column in &columns {
        page.element("th", object.at(*column).name());
    }
    page.raw("</tr></thead><tbody>");
    for (id, row) in ids.iter().zip(&rows) {
        let id = org.catalogue.id_text(*id);
        page.raw("<tr><td class=id>")
            .link(&format!("/records/{id}"), &id)
            .raw("</td>");
        for column in &columns {
            let value = row.iter().find(|(field, _)| field == column);
            cell(
                &mut page,
                object,
                *column,
                value.map_or("", |(_, text)| text),
                true,
            );
        }
        page.raw("</tr>");
    }
    page.raw("</tbody></table></div>");
    if pages > 1 {
        page.raw("<nav class=pages>");
        if number > 1 {
            page.link(
                &format!("/objects/{}?page={}", object.name, number - 1),
                "Earlier",
            );
        }
        page.element(
            "span class=soft",
            &format!("Page {} of {}", grouped(number), grouped(pages)),
        );
        if number < pages {
            page.link(
                &format!("/objects/{}?page={}", object.name, number + 1),
                "Later",
            );
        }
        page.raw("</nav>");
    }
    page.raw("</section></main>");
    Some(page)
}

pub(super) fn one(org: &Org, id: &str) -> Option<Html> {
    let id = org.catalogue.read_id(id).ok()?;
    let object = org.catalogue.at(id.object);
    let store = org.read();
    if !org.catalogue.shows(object) || store.live(id).is_none() {
        return None;
    }
    let text = org.catalogue.id_text(id);
    let fields = filled(org, &store, object, id);
    let name = fields.iter().find(|(f, _)| object.at(*f).name() == "Name");
    let title = name.map_or(text.as_str(), |(_, name)| name);
    let mut page = Html::new(title);
    page.raw("<main><header>")
        .element("h1", title)
        .raw("<span>");
    page.link(&format!("/objects/{}", object.name), &object.name)
        .raw("</span><span class=soft>");
    page.link("/", "Rehearsal org")
        .raw("</span></header><section><table class=fields><tbody>");
    for (field, value) in &fields {
        page.raw("<tr>").element("td", object.at(*field).name());
        cell(&mut page, object, *field, value, false);
        page.raw("</tr>");
    }
    page.raw("</tbody></table>");
    let blank: Vec<&str> = (0..object.fields.len() as u16)
        .filter(|f| !fields.iter().any(|(field, _)| field == f))
        .map(|f| object.at(f).name())
        .collect();
    if !blank.is_empty() {
        let summary = format!("{} fields without a value", blank.len());
        page.raw("<details>")
            .element("summary", &summary)
            .raw("<div class=names>");
        for name in blank {
            page.element("span", name);
        }
        page.raw("</div></details>");
    }
    page.raw("</section></main>");
    Some(page)
}

/// Fields that say little in a list: the same in every row, or repeated by their parts.
fn listed(object: &Object, field: u16) -> bool {
    match object.at(field).home {
        Home::Id
        | Home::Deleted
        | Home::Created
        | Home::Modified
        | Home::Actor
        | Home::Address(_)
        | Home::Kind => false,
        Home::Stored | Home::FullName { .. } => object.at(field).name() != "OwnerId",
    }
}

/// The fields of a record that have a value, each as REST writes it, texts without quotes.
fn filled(org: &Org, store: &Store, object: &Object, id: RecordId) -> Vec<(u16, String)> {
    let mut text = String::new();
    let each = (0..object.fields.len() as u16).filter_map(|field| {
        text.clear();
        write_field(&org.catalogue, store, id, field, &mut text);
        match serde_json::from_str(&text) {
            Ok(Json::Null) => None,
            Ok(Json::String(value)) => Some((field, value)),
            _ => Some((field, text.clone())),
        }
    });
    each.collect()
}

fn cell(page: &mut Html, object: &Object, field: u16, value: &str, short: bool) {
    let shown: String = match short && value.chars().count() > SHORT {
        true => value.chars().take(SHORT).chain(['…']).collect(),
        false => value.to_owned(),
    };
    if object.at(field).references.is_empty() || value.is_empty() {
        page.element("td", &shown);
    } else {
        page.raw("<td class=id>")
            .link(&format!("/records/{value}"), &shown)
            .raw("</td>");
    }
}
