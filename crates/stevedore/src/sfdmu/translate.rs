//! From entries to a file: what is moved is drafted, sets are put one after another, and all is written with what is lost.

use std::collections::BTreeSet;
use std::path::Path;

use model::Failure;
use model::migration::{Field, Page};

use super::draft::{Draft, external_losses, operation};
use super::fields::{self, Line};
use super::item::{Fate, Item};
use super::loss::Loss;
use super::script::Script;
use super::source::Source;
use super::write;
use super::{Imported, Object, Project, head};

/// The entries of a project, on their way into a file.
pub(super) struct Import {
    pub(super) items: Vec<Item>,
    pub(super) losses: Vec<Loss>,
    pub(super) source: Source,
}

impl Import {
    pub(super) fn write(
        mut self,
        project: &Project,
        script: &Script,
        to: &Path,
    ) -> Result<Imported, Failure> {
        let in_order = script.root.is_set("keepObjectOrderWhileExecute")?;
        let mut drafts = self.drafts();
        if in_order {
            self.put_off(&mut drafts);
        }
        let place = |api: &String| self.items.iter().position(|item| item.api == *api);
        self.losses
            .sort_by_key(|loss| loss.object.as_ref().and_then(place));
        self.order(&mut drafts, in_order);
        if drafts.is_empty() {
            return Err(self.nothing(project));
        }
        let mut page = Page::default();
        let head = head::Head {
            project,
            source: &self.source,
            losses: &self.losses,
            to,
            has_files: drafts.iter().any(|draft| {
                let api = &self.items[draft.item].api;
                self.source.folder.holds(api)
            }),
        };
        head::write(&mut page, &head);
        let mut objects = Vec::new();
        let mut next = 0;
        for draft in &drafts {
            while next < draft.item {
                self.left_out(&mut page, &drafts, next);
                next += 1;
            }
            next = next.max(draft.item + 1);
            page.line("");
            write::object(
                &mut page,
                draft,
                &draft.from(&self.items[draft.item], &self.source),
            );
            objects.push(Object {
                name: draft.name.clone(),
                from: self.items[draft.item].api.clone(),
                to: draft.to.clone(),
                operation: draft.operation.as_str(),
                fields: draft.fields().count(),
            });
        }
        for place in next..self.items.len() {
            self.left_out(&mut page, &drafts, place);
        }
        head::limits(&mut page, script.root.is_set("allOrNone")?);
        Ok(Imported {
            text: page.text(),
            objects,
            losses: self.losses,
            variables: head::variables(&self.source),
        })
    }

    /// The objects that are moved; what is lost on the way is noted.
    fn drafts(&mut self) -> Vec<Draft> {
        let planned: Vec<_> = (0..self.items.len())
            .filter_map(|place| Some((place, operation(&self.items[place])?)))
            .map(|(place, operation)| {
                (
                    place,
                    operation,
                    fields::plan(&self.items, place, &self.source),
                )
            })
            .collect();
        let parents: BTreeSet<usize> = planned
            .iter()
            .flat_map(|(_, _, fields)| fields.lines.iter())
            .filter_map(|line| match line {
                Line::Field(planned) => Some(planned.parents.iter().copied()),
                Line::Comment(_) => None,
            })
            .flatten()
            .collect();
        let mut drafts = Vec::new();
        let mut lost_fields = Vec::new();
        for (place, operation, mut fields) in planned {
            lost_fields.append(&mut fields.losses);
            let mut draft = Draft::of(
                &self.items,
                place,
                operation,
                fields,
                parents.contains(&place),
                &self.source,
            );
            let mut losses = external_losses(&self.items, place, &draft);
            if self.source.is_files() && !self.source.folder.holds(&self.items[place].api) {
                let file = format!("{}.csv", self.items[place].api);
                losses.push(Loss::new(
                    file,
                    "there is no such file beside export.json",
                    "put it there before the run",
                ));
            }
            if draft.fields().next().is_none() {
                self.items[place].fate = Fate::NotMoved;
                losses.push(Loss::new(
                    "query",
                    "no field of it is left to write",
                    "select the fields that are to be moved",
                ));
                self.items[place].losses.extend(losses);
                let comments = draft.lines.into_iter().filter_map(|line| match line {
                    Line::Comment(comment) => Some(comment),
                    Line::Field(_) => None,
                });
                self.items[place].remarks.extend(comments);
                continue;
            }
            self.items[place].losses.extend(losses);
            draft
                .comments
                .extend(self.items[place].losses.iter().map(Loss::comment));
            drafts.push(draft);
        }
        for item in &self.items {
            self.losses
                .extend(item.losses.iter().cloned().map(|loss| loss.of(&item.api)));
        }
        self.losses.extend(lost_fields);
        drafts
    }

    /// Where the order of the project is to be kept, lookups to later objects are set in a second pass. Those that go round in a circle are by themselves.
    fn put_off(&mut self, drafts: &mut [Draft]) {
        let items: Vec<usize> = drafts.iter().map(|draft| draft.item).collect();
        for (place, draft) in drafts.iter_mut().enumerate() {
            let api = &self.items[draft.item].api;
            for line in &mut draft.lines {
                let Line::Field(planned) = line else { continue };
                let parents = items.iter().enumerate();
                let mut parents = parents.filter(|(_, item)| planned.parents.contains(item));
                if parents.all(|(parent, _)| parent <= place) {
                    continue;
                }
                match &mut planned.form {
                    Field::Lookup(lookup) => lookup.second_pass = true,
                    Field::AnyLookup(lookup) => lookup.second_pass = true,
                    _ => continue,
                }
                if draft.external_id.is_empty() {
                    let loss = Loss::new(
                        planned.target.clone(),
                        "it refers to records that are moved later, and this object has no external id by which a second pass would find its own",
                        format!(
                            "once {} has an External ID, name it under `external_id`, and add the lookup with `second_pass: true`",
                            draft.to
                        ),
                    );
                    *line = Line::Comment(loss.comment());
                    self.losses.push(loss.of(api));
                }
            }
        }
    }

    /// Sets come one after another, and so do objects whose order is to be kept.
    fn order(&self, drafts: &mut [Draft], in_order: bool) {
        for place in 0..drafts.len() {
            let set = self.items[drafts[place].item].set;
            let before = drafts
                .iter()
                .map(|draft| self.items[draft.item].set)
                .filter(|other| *other < set)
                .max();
            let mut after: Vec<String> = drafts
                .iter()
                .filter(|draft| Some(self.items[draft.item].set) == before)
                .map(|draft| draft.name.clone())
                .collect();
            if in_order && place > 0 {
                after.push(drafts[place - 1].name.clone());
            }
            for name in after {
                if !drafts[place].after.contains(&name) {
                    drafts[place].after.push(name);
                }
            }
        }
    }

    /// What stands in the place of an entry that is not moved.
    fn left_out(&self, page: &mut Page, drafts: &[Draft], place: usize) {
        if drafts.iter().any(|draft| draft.item == place) {
            return;
        }
        let item = &self.items[place];
        let told = match item.fate {
            Fate::Excluded => "is excluded in export.json.",
            Fate::OnlyRead => {
                "is only read, to find parents in the target; nothing of it is moved. What refers to it says how it is found."
            }
            Fate::NotMoved | Fate::Moved(_) => "is left out.",
        };
        page.line("");
        page.comment(2, &format!("{} {told}", item.api));
        for comment in item
            .remarks
            .iter()
            .cloned()
            .chain(item.losses.iter().map(Loss::comment))
        {
            page.comment(2, &comment);
        }
    }

    fn nothing(&self, project: &Project) -> Failure {
        let why: Vec<String> = self
            .losses
            .iter()
            .map(|loss| {
                let object = loss.object.as_deref().unwrap_or("the project");
                format!("{object}, {}: {}", loss.what, loss.why)
            })
            .collect();
        let why = if why.is_empty() {
            "it names none".to_owned()
        } else {
            why.join("; ")
        };
        Failure::usage(
            "nothing_to_move",
            format!("no object of it can be moved: {why}"),
        )
        .file(project.file.display().to_string())
        .hint("an object is moved by Insert, Update or Upsert and a query that selects fields")
    }
}
