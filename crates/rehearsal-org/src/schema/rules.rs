//! Declared rules tied to the objects and fields they are about; one that is about nothing is refused.

use super::automation::{Automation, ValidationRule};
use super::catalogue::{Catalogue, Home};
use crate::error::Error;
use crate::ids::RecordId;

/// A validation rule, compiled.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    /// The record that says whether it is active, and its message.
    pub(crate) record: RecordId,
    pub(crate) required: u16,
    /// A field, and the value of it that makes the rule apply.
    pub(crate) when: Option<(u16, String)>,
    pub(crate) on_field: bool,
}

pub(super) fn compile(catalogue: &mut Catalogue, automation: &Automation) -> Result<(), Error> {
    for (place, rule) in automation.validation_rules.iter().enumerate() {
        let (object, compiled) = validation(catalogue, rule, place as u32 + 1)
            .map_err(|problem| refused("validation rule", &rule.name, problem))?;
        catalogue.objects[usize::from(object)].rules.push(compiled);
    }
    let triggers = automation
        .triggers
        .iter()
        .map(|t| ("trigger", &t.name, &t.object));
    let workflows = automation
        .workflow_rules
        .iter()
        .map(|r| ("workflow rule", &r.name, &r.object));
    let duplicates = automation
        .duplicate_rules
        .iter()
        .map(|r| ("duplicate rule", &r.name, &r.object));
    let flows = automation
        .flows
        .iter()
        .filter_map(|f| Some(("flow", &f.name, f.object.as_ref()?)));
    for (kind, name, object) in triggers.chain(workflows).chain(duplicates).chain(flows) {
        if catalogue.object(object).is_none() {
            return Err(refused(kind, name, format!("{object} is no object")));
        }
    }
    for trigger in &automation.triggers {
        let known = |event: &&String| {
            super::tooling::USAGES.iter().any(|usage| {
                let joined: String = event.split_whitespace().collect();
                usage[5..].eq_ignore_ascii_case(&joined)
            })
        };
        if let Some(event) = trigger.events.iter().find(|e| !known(e)) {
            let problem = format!("{event:?} is no event; they are such as \"before insert\"");
            return Err(refused("trigger", &trigger.name, problem));
        }
    }
    for flow in &automation.flows {
        if flow.versions == 0 || flow.active_version > flow.versions {
            let problem = format!(
                "its active version is {}, it has {}",
                flow.active_version, flow.versions
            );
            return Err(refused("flow", &flow.name, problem));
        }
    }
    Ok(())
}

fn refused(kind: &str, name: &str, problem: String) -> Error {
    Error::Schema(format!("{kind} {name}: {problem}"))
}

fn validation(
    catalogue: &Catalogue,
    rule: &ValidationRule,
    serial: u32,
) -> Result<(u16, Rule), String> {
    let object = catalogue
        .object(&rule.object)
        .filter(|o| o.writable)
        .ok_or_else(|| format!("{} is no object that can be written", rule.object))?;
    let field = |name: &str| {
        let stored = |f: &u16| object.at(*f).home == Home::Stored;
        let found = object.field(name).filter(stored);
        found.ok_or_else(|| format!("{}.{name} is no field that a rule can ask for", object.name))
    };
    if rule.message.is_empty() || rule.message.len() > 255 {
        return Err("its message must have 1 to 255 characters".to_owned());
    }
    let records = catalogue
        .any_object("ValidationRule")
        .ok_or("the schema's own ValidationRule is not seen")?;
    let when = match &rule.when {
        Some(when) => Some((field(&when.field)?, when.is.clone())),
        None => None,
    };
    let compiled = Rule {
        record: RecordId {
            object: records.index,
            serial,
        },
        required: field(&rule.required)?,
        when,
        on_field: rule.on_field,
    };
    Ok((object.index, compiled))
}
