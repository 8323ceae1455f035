//! A drafted object as the migration file has it.

use model::migration::{Entry, FieldLine, From, Page};

use super::draft::Draft;
use super::fields::Line;

pub(super) fn object(page: &mut Page, draft: &Draft, from: &From) {
    let fields = draft.lines.iter().map(|line| match line {
        Line::Comment(comment) => FieldLine::Comment(comment),
        Line::Field(planned) => FieldLine::Field {
            name: &planned.target,
            field: &planned.form,
            remarks: planned.remark.iter().map(String::as_str).collect(),
            note: None,
        },
    });
    page.object(&Entry {
        comments: &draft.comments,
        name: &draft.name,
        from,
        key: &draft.key,
        watermark: None,
        to: &draft.to,
        operation: draft.operation,
        external_id: &draft.external_id,
        id_map: draft.id_map,
        after: &draft.after,
        fields: fields.collect(),
    });
}
