//! What a column header or a JSON key names: a field, or a parent by one of the parent's keys
//! (`Account.External_Id__c`, `Contact:Who.External_Id__c`, `RecordType.DeveloperName`).

use crate::schema::catalogue::{Catalogue, Home, Object};

/// Where a value goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Column {
    /// Into this field.
    Field(u16),
    /// Into the reference `field`, as the record of `target` whose `key` it is.
    Parent { field: u16, target: u16, key: u16 },
    /// Into the reference to a record type, found by its developer name.
    RecordType(u16),
}

/// A header that names nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ColumnFault {
    NoField,
    NoRelationship(String),
    NeedlessType(String),
    MissingType(String),
    /// The parent's field can't name a record.
    NoKey {
        field: String,
        entity: String,
    },
}

impl ColumnFault {
    /// The text of a job that failed for it.
    pub(crate) fn job_message(&self, header: &str) -> String {
        match self {
            Self::NoField => format!("InvalidBatch : Field name not found : {header}"),
            Self::NoRelationship(name) => {
                format!("InvalidBatch : Unable to find relationship: {name}")
            }
            Self::NeedlessType(name) => {
                format!(
                    "InvalidBatch : type is not needed for non polymorphic foreign key references: {name}"
                )
            }
            Self::MissingType(name) => {
                format!(
                    "InvalidBatch : type is needed for polymorphic foreign key references: {name}"
                )
            }
            Self::NoKey { field, entity } => format!(
                "InvalidBatch : Field name provided, {field} does not match an External ID, Salesforce Id, \
                 or indexed field for {entity}"
            ),
        }
    }
}

/// Resolves a CSV header.
pub(crate) fn resolve(
    catalogue: &Catalogue,
    object: &Object,
    header: &str,
) -> Result<Column, ColumnFault> {
    let Some((path, key)) = header.split_once('.') else {
        return object
            .field(header)
            .map(Column::Field)
            .ok_or(ColumnFault::NoField);
    };
    let (target, relationship) = match path.split_once(':') {
        Some((target, relationship)) => (Some(target), relationship),
        None => (None, path),
    };
    parent(catalogue, object, target, relationship, key)
}

/// Resolves a parent named by relationship, key field and, where the reference is polymorphic, object.
pub(crate) fn parent(
    catalogue: &Catalogue,
    object: &Object,
    target: Option<&str>,
    relationship: &str,
    key: &str,
) -> Result<Column, ColumnFault> {
    let missing = || ColumnFault::NoRelationship(relationship.to_owned());
    let field = object.relationship(relationship).ok_or_else(missing)?;
    let references = &object.at(field).references;
    let target = match (target, references.as_slice()) {
        (None, [only]) => catalogue.at(*only),
        (Some(_), [_]) => return Err(ColumnFault::NeedlessType(relationship.to_owned())),
        (None, _) => return Err(ColumnFault::MissingType(relationship.to_owned())),
        (Some(name), several) => catalogue
            .object(name)
            .filter(|o| several.contains(&o.index))
            .ok_or_else(missing)?,
    };
    let no_key = || ColumnFault::NoKey {
        field: key.to_owned(),
        entity: target.name.clone(),
    };
    if target.index == catalogue.record_type_object && key.eq_ignore_ascii_case("DeveloperName") {
        return Ok(Column::RecordType(field));
    }
    let key = target.field(key).ok_or_else(no_key)?;
    let described = target.at(key);
    if described.home == Home::Id || (described.is_key() && described.index.is_some()) {
        Ok(Column::Parent {
            field,
            target: target.index,
            key,
        })
    } else {
        Err(no_key())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::schema::Schema;

    #[test]
    fn headers_resolve_or_say_why_not() {
        let catalogue = Catalogue::compile(&Schema::standard()).unwrap();
        let contact = catalogue.object("Contact").unwrap();
        let task = catalogue.object("Task").unwrap();
        let message =
            |object, header| resolve(&catalogue, object, header).map_err(|e| e.job_message(header));
        assert!(matches!(message(contact, "lastname"), Ok(Column::Field(_))));
        assert!(matches!(
            message(contact, "Account.External_Id__c"),
            Ok(Column::Parent { .. })
        ));
        assert!(matches!(
            message(contact, "ReportsTo.Email"),
            Ok(Column::Parent { .. })
        ));
        assert!(matches!(
            message(contact, "RecordType.DeveloperName"),
            Ok(Column::RecordType(_))
        ));
        assert!(matches!(
            message(contact, "Owner.Username"),
            Ok(Column::Parent { .. })
        ));
        assert!(matches!(
            message(task, "Contact:Who.External_Id__c"),
            Ok(Column::Parent { .. })
        ));
        let fails =
            |object, header, text: &str| assert_eq!(message(object, header), Err(text.to_owned()));
        fails(
            contact,
            "Nope__c",
            "InvalidBatch : Field name not found : Nope__c",
        );
        fails(
            contact,
            "Acct.Name",
            "InvalidBatch : Unable to find relationship: Acct",
        );
        fails(
            contact,
            "Account:Account.External_Id__c",
            "InvalidBatch : type is not needed for non polymorphic foreign key references: Account",
        );
        fails(
            contact,
            "Account.Name",
            "InvalidBatch : Field name provided, Name does not match an External ID, Salesforce Id, or indexed field for Account",
        );
        assert!(message(task, "Who.External_Id__c").is_err());
    }
}
