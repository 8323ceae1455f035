//! The first page: how much there is of everything, jobs, and what is ordered to go wrong.

use super::html::{Html, grouped};
use super::{faults, jobs};
use crate::org::Org;

pub(super) fn page(org: &Org) -> Html {
    let jobs = jobs::all(org);
    let running = jobs
        .iter()
        .filter(|job| !job.ended && job.state != "Open")
        .count();
    let plan = org.faults.ordered();
    let mut page = Html::new("Rehearsal org").refreshing(running > 0);
    let (organization, _) = org.identity();
    page.raw("<main><header><h1>Rehearsal org</h1><span class=soft>")
        .text(org.url())
        .raw(" · <span class=id>")
        .text(&organization)
        .raw("</span></span></header>");
    let counts = counts(org);
    let total: usize = counts.iter().map(|(_, count)| count).sum();
    let (used, most) = crate::rest::daily(org);
    let ordered = faults::lines(&plan).len();
    page.raw("<div class=tiles>");
    tile(&mut page, &grouped(total), "records");
    tile(
        &mut page,
        &grouped(jobs.len()),
        &format!("jobs, {running} under way"),
    );
    tile(
        &mut page,
        &grouped(used as usize),
        &format!("API calls used of {}", grouped(most as usize)),
    );
    tile(&mut page, &grouped(ordered), "faults ordered");
    page.raw("</div>");
    faults::section(&mut page, &plan);
    page.raw("<div class=two>");
    objects(&mut page, counts);
    jobs::section(&mut page, &jobs);
    page.raw("</div></main>");
    page
}

fn tile(page: &mut Html, number: &str, what: &str) {
    page.raw("<div class=tile>")
        .element("b", number)
        .element("span", what)
        .raw("</div>");
}

/// Objects that clients see, with how many records each has; those with most first.
fn counts(org: &Org) -> Vec<(String, usize)> {
    let store = org.read();
    let seen = org.catalogue.objects.iter().filter(|object| {
        let told = matches!(object.name.as_str(), "EntityDefinition" | "FieldDefinition");
        org.catalogue.shows(object) && !told
    });
    let mut all: Vec<(String, usize)> = seen
        .map(|object| (object.name.clone(), store.count(object.index)))
        .collect();
    all.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    all
}

fn objects(page: &mut Html, counts: Vec<(String, usize)>) {
    let (full, empty): (Vec<_>, Vec<_>) = counts.into_iter().partition(|(_, count)| *count > 0);
    let most = full.first().map_or(1, |(_, count)| *count);
    page.raw("<section><div class=head><h2>Objects</h2></div><table><tbody>");
    for (name, count) in &full {
        page.raw("<tr><td>")
            .link(&format!("/objects/{name}"), name)
            .raw("</td>")
            .number(*count)
            .raw("<td class=bar><i style=\"width:")
            .text(&format!("{:.1}", *count as f64 * 100.0 / most as f64))
            .raw("%\"></i></td></tr>");
    }
    page.raw("</tbody></table>");
    if !empty.is_empty() {
        let summary = format!("{} objects without records", empty.len());
        page.raw("<details>")
            .element("summary", &summary)
            .raw("<div class=names>");
        for (name, _) in &empty {
            page.link(&format!("/objects/{name}"), name);
        }
        page.raw("</div></details>");
    }
    page.raw("</section>");
}
