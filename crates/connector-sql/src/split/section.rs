//! The sections of an object, which are cut one after another: its records by what of them is null.

use super::KeySlice;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    /// Cut along `chunk_by`, where there is some, then the key. None of them is null.
    Keyed,
    /// Records in which a column of `chunk_by` is null, and no part of the key: cut along that.
    Parentless,
    /// Records of whose key some part is null. They are one slice.
    Nulls,
}

/// Which sections an object has besides the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sections {
    pub(crate) parentless: bool,
    pub(crate) nulls: bool,
}

impl Section {
    pub(crate) fn slice<K>(self, from: Option<Vec<K>>, to: Option<Vec<K>>) -> KeySlice<K> {
        match self {
            Self::Keyed => KeySlice::Range { from, to },
            Self::Parentless => KeySlice::Parentless { from, to },
            Self::Nulls => KeySlice::Nulls,
        }
    }

    pub(super) fn next(self, there: Sections) -> Option<Self> {
        match self {
            Self::Keyed if there.parentless => Some(Self::Parentless),
            Self::Keyed | Self::Parentless if there.nulls => Some(Self::Nulls),
            _ => None,
        }
    }
}
