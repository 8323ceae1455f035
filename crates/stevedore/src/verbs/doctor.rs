//! `doctor FILE`: whether both systems are fit for a run. Exit code 0 when nothing stands in the way, 1 otherwise.

use api::DoctorReport;
use model::{Failure, Finding};

use super::{Desk, run};
use crate::args::LookArgs;
use crate::embedded::Want;
use crate::exit;
use crate::output::Output;

pub(crate) async fn doctor(desk: &Desk, output: &Output, args: LookArgs) -> Result<u8, Failure> {
    let mut request = run::request(&args.file)?;
    request.connections = args.connection;
    request.only = args.only;
    request.phases = args.phase;
    let reached = desk.reach(Want::Look).await?;
    let report = reached.client.doctor(&request).await?;
    output.print(&report, || people(&report));
    Ok(if report.problems == 0 {
        exit::DONE
    } else {
        exit::FAILED
    })
}

fn people(report: &DoctorReport) -> String {
    let mut text = format!("{}\n", report.migration);
    for (head, findings) in groups(&report.findings) {
        text += &format!("\n{head}\n");
        for (place, finding) in findings.iter().enumerate() {
            text += &format!("  {:<8} {}\n", finding.grade.as_str(), finding.what);
            // What is to be done about several is told behind the last of them.
            let next = findings.get(place + 1);
            if let Some(hint) = &finding.hint
                && next.is_none_or(|next| next.hint.as_ref() != Some(hint))
            {
                text += &format!("           -> {hint}\n");
            }
        }
    }
    text += &match (report.problems, report.warnings) {
        (0, 0) => "\nnothing stands in the way\n".to_owned(),
        (0, warnings) => format!("\nnothing stands in the way; {warnings} to know first\n"),
        (problems, 0) => format!("\n{problems} in the way\n"),
        (problems, warnings) => format!("\n{problems} in the way; {warnings} to know first\n"),
    };
    text
}

/// Findings by connection and object, the worst of each first; groups in the order in which they come.
fn groups(findings: &[Finding]) -> Vec<(String, Vec<&Finding>)> {
    let mut groups: Vec<(String, Vec<&Finding>)> = Vec::new();
    for finding in findings {
        let head = match (&finding.connection, &finding.object) {
            (Some(connection), Some(object)) => format!("{connection}, {object}"),
            (Some(connection), None) => connection.clone(),
            (None, Some(object)) => object.clone(),
            (None, None) => "this line".to_owned(),
        };
        match groups.iter_mut().find(|(known, _)| *known == head) {
            Some((_, group)) => group.push(finding),
            None => groups.push((head, vec![finding])),
        }
    }
    for (_, group) in &mut groups {
        group.sort_by_key(|finding| std::cmp::Reverse(finding.grade));
    }
    groups
}

#[cfg(test)]
mod tests {
    use model::Grade;

    use super::*;

    #[test]
    fn findings_stand_below_their_place_and_hints_are_told_once() {
        let findings = vec![
            Finding::ok("login", "we are in").connection("org"),
            Finding::ok("rights", "may create")
                .connection("org")
                .object("a"),
            Finding::warning("trigger", "one acts")
                .connection("org")
                .object("a")
                .hint("switch it off"),
            Finding::warning("trigger", "two acts")
                .connection("org")
                .object("a")
                .hint("switch it off"),
            Finding::ok("disk", "room"),
        ];
        let report = DoctorReport::new("crm".to_owned(), findings);
        assert_eq!(
            people(&report),
            "crm\n\norg\n  ok       we are in\n\norg, a\n  warning  one acts\n  warning  two acts\n           -> switch it off\n  ok       may create\n\n\
             this line\n  ok       room\n\nnothing stands in the way; 2 to know first\n"
        );
        assert_eq!((report.problems, report.warnings), (0, 2));
        assert!(
            report
                .findings
                .iter()
                .all(|finding| finding.grade < Grade::Problem)
        );
    }
}
