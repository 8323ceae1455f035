//! Bulk jobs: the newest with their states, counts and errors, and one with the reasons why its rows failed.

use super::html::{Html, grouped, moment};
use crate::bulk::summary::{self, Summary};
use crate::org::Org;

/// The most jobs on the first page.
const MOST: usize = 100;

/// All jobs, the newest first.
pub(super) fn all(org: &Org) -> Vec<Summary> {
    summary::newest_first(&org.jobs, &org.catalogue)
}

pub(super) fn section(page: &mut Html, jobs: &[Summary]) {
    page.raw("<section><div class=head><h2>Jobs</h2>");
    if jobs.len() > MOST {
        page.element("span class=soft", &format!("the newest {MOST}"));
    }
    page.raw("</div>");
    if jobs.is_empty() {
        page.raw("<p class=soft>No bulk job yet.</p></section>");
        return;
    }
    page.raw(
        "<div class=wide><table><thead><tr><th>Job</th><th>State</th><th class=n>Processed</th><th class=n>Failed</th>\
         <th>Begun (UTC)</th></tr></thead><tbody>",
    );
    for job in jobs.iter().take(MOST) {
        page.raw("<tr><td>").link(
            &format!("/jobs/{}", job.id),
            &format!("{} {}", job.operation, job.object),
        );
        if let Some(error) = &job.error {
            page.element("span class=error", error);
        }
        page.raw("</td><td>");
        pill(page, job.state);
        page.raw("</td>").number(job.processed);
        match job.failed {
            0 => page.number(0),
            failed => page.element("td class=\"n failed\"", &grouped(failed)),
        };
        page.element(
            "td class=\"soft n\"",
            moment(job.created).get(5..).unwrap_or_default(),
        )
        .raw("</tr>");
    }
    page.raw("</tbody></table></div></section>");
}

fn pill(page: &mut Html, state: &str) {
    let class = match state {
        "JobComplete" | "Closed" => "span class=\"pill good\"",
        "Failed" | "Aborted" => "span class=\"pill bad\"",
        "InProgress" | "UploadComplete" => "span class=\"pill busy\"",
        _ => "span class=pill",
    };
    page.element(class, state);
}

pub(super) fn one(org: &Org, id: &str) -> Option<Html> {
    let job = all(org).into_iter().find(|job| job.id == id)?;
    let title = format!("{} {}", job.operation, job.object);
    let mut page = Html::new(&title).refreshing(!job.ended && job.state != "Open");
    page.raw("<main><header>").element("h1", &title);
    pill(&mut page, job.state);
    page.raw("<span class=soft>")
        .link("/", "Rehearsal org")
        .raw("</span></header><div class=tiles>");
    let rows = job.rows.map_or("–".to_owned(), grouped);
    for (number, what) in [
        (rows, "rows"),
        (
            grouped(job.processed - job.failed.min(job.processed)),
            "succeeded",
        ),
        (grouped(job.failed), "failed"),
        (
            job.rows.map_or("–".to_owned(), |rows| {
                grouped(rows.saturating_sub(job.processed))
            }),
            "not processed",
        ),
    ] {
        page.raw("<div class=tile>")
            .element("b", &number)
            .element("span", what)
            .raw("</div>");
    }
    page.raw("</div><section><div class=head><h2>Job</h2></div><table class=fields><tbody>");
    let mut line = |name: &str, value: &str| {
        page.raw("<tr>")
            .element("td", name)
            .element("td", value)
            .raw("</tr>");
    };
    line("Id", &job.id);
    line("Begun (UTC)", &moment(job.created));
    if let Some(error) = &job.error {
        line("Error", error);
    }
    page.raw("</tbody></table></section>");
    let causes = summary::causes(&org.jobs, id);
    if !causes.is_empty() {
        page.raw("<section><div class=head><h2>Why rows failed</h2></div><table><tbody>");
        for cause in &causes {
            page.raw("<tr>")
                .number(cause.rows)
                .raw("<td>")
                .element("code", &cause.code);
            page.element("span class=error", &cause.example)
                .raw("</td></tr>");
        }
        page.raw("</tbody></table></section>");
    }
    page.raw("</main>");
    Some(page)
}
