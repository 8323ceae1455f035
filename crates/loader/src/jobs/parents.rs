//! Parents that records of a job miss, made where the plan says so. That they are about to be made is stored before they are: whoever reads the job's results
//! again after a crash finds them there, and counts them as ours.

use std::collections::BTreeMap;

use connector::{Gate, Jobs, LoadPlan, Made, MissingParent, Placeholder, Sent, Verdict};
use control::{Job, MapKey, NewPlaceholder};
use model::Failure;
use record::hash_key;

use super::Desk;
use super::reading::Reading;
use super::send::taken_over;

/// Parents made between two looks at the kill switch and the lease.
const AT_ONCE: usize = 200;

/// A parent by the place of its lookup in the plan, and by its key.
type Wanted = (usize, String);

impl Desk {
    /// Makes the parents that records of the job miss. Records whose parents can't be made count as failed from then on.
    pub(super) async fn stand_in(
        &self,
        job: &Job,
        jobs: &dyn Jobs,
        plan: &LoadPlan,
        reading: &mut Reading,
    ) -> Result<(), Failure> {
        let mut wanted: BTreeMap<Wanted, String> = BTreeMap::new();
        reading.each_orphan(|source_key, sent| {
            for (place, key) in parents(plan, sent) {
                wanted
                    .entry((place, key.to_owned()))
                    .or_insert_with(|| source_key.to_owned());
            }
        });
        let mut refused: BTreeMap<Wanted, String> = BTreeMap::new();
        for (place, rule) in plan.missing.iter().enumerate() {
            let Some(placeholder) = &rule.placeholder else {
                continue;
            };
            let of_rule: Vec<_> = wanted.iter().filter(|((of, _), _)| *of == place).collect();
            for some in of_rule.chunks(AT_ONCE) {
                let some = some.iter().map(|((_, key), child)| NewPlaceholder {
                    object: rule.parent.clone(),
                    system: plan.system.clone(),
                    to_object: rule.to.clone(),
                    key: MapKey {
                        hash: hash_key(&[key]).to_be_bytes(),
                        text: key.clone(),
                    },
                    target_id: None,
                    child_object: plan.object.clone(),
                    child_key: (*child).clone(),
                });
                let made = self
                    .make(job, jobs, rule, placeholder, some.collect())
                    .await?;
                refused.extend(made.into_iter().map(|(key, why)| ((place, key), why)));
            }
        }
        reading.fail_orphans(|sent| {
            let mut parents = parents(plan, sent);
            parents.find_map(|(place, key)| refused.get(&(place, key.to_owned())).cloned())
        });
        Ok(())
    }

    /// Makes some; gives the keys of those that the target refused, each with the reason.
    async fn make(
        &self,
        job: &Job,
        jobs: &dyn Jobs,
        rule: &MissingParent,
        placeholder: &Placeholder,
        mut wanted: Vec<NewPlaceholder>,
    ) -> Result<Vec<(String, String)>, Failure> {
        let control = &self.line.control;
        if !control
            .renew_job(&job.id, &self.line.instance, self.lease())
            .await?
        {
            return Err(taken_over());
        }
        control.ask_placeholders(&job.run, &wanted).await?;
        let records: Vec<_> = wanted
            .iter()
            .map(|wanted| placeholder.with_key(&rule.key, &wanted.key.text))
            .collect();
        self.line.kill_switch.gate(&job.run).pass().await?;
        let answers = jobs.make(&rule.to, &records).await?;
        tracing::info!(run = %job.run, to = rule.to, records = answers.len(), "placeholders are made");
        let (mut made, mut dropped, mut refused) = (Vec::new(), Vec::new(), Vec::new());
        for (mut wanted, answer) in wanted.drain(..).zip(answers) {
            match answer {
                Made::Made { id } => wanted.target_id = Some(id),
                Made::WasThere { id } => wanted.target_id = id,
                Made::Refused { code, message } => {
                    let why = format!(
                        "{} has no record {}, and none could be made in its place: {code}: {message}",
                        rule.to, wanted.key.text
                    );
                    refused.push((wanted.key.text.clone(), why));
                    dropped.push(wanted);
                    continue;
                }
            }
            made.push(wanted);
        }
        control.placeholders_made(&job.run, &made).await?;
        control.drop_placeholders(&job.run, &dropped).await?;
        Ok(refused)
    }
}

/// The parents that are to be made for a record: the places of their lookups in the plan, and their keys.
fn parents<'a>(
    plan: &'a LoadPlan,
    sent: &'a Sent,
) -> impl Iterator<Item = (usize, &'a str)> + use<'a> {
    let lookups: &[String] = match &sent.verdict {
        Verdict::NoParent { lookups, .. } => lookups,
        _ => &[],
    };
    let rules = plan.missing.iter().enumerate();
    let made =
        rules.filter(|(_, rule)| rule.placeholder.is_some() && lookups.contains(&rule.field));
    made.filter_map(|(place, rule)| Some((place, sent.fields.get(&rule.field)?.as_str())))
}
