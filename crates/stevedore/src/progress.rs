//! Progress bars on standard error, one per object: records, rate, time left. Drawn only on a terminal.

use std::collections::HashMap;
use std::fmt::Write;

use api::{ObjectView, RunView};
use indicatif::{
    HumanCount, HumanDuration, HumanFloatCount, MultiProgress, ProgressBar, ProgressState,
    ProgressStyle,
};
use model::{ObjectState, RunKind};

pub(crate) struct Progress {
    bars: MultiProgress,
    by_object: HashMap<String, ProgressBar>,
}

impl Progress {
    pub(crate) fn new() -> Self {
        // On anything but a terminal the bars hide themselves.
        Self {
            bars: MultiProgress::new(),
            by_object: HashMap::new(),
        }
    }

    pub(crate) fn show(&mut self, run: &RunView) {
        for object in run
            .objects
            .iter()
            .filter(|object| object.state != ObjectState::Waiting)
        {
            let bar = self
                .by_object
                .entry(object.name.clone())
                .or_insert_with(|| self.bars.add(bar(object, run.summary.kind)));
            if bar.is_finished() {
                continue;
            }
            match expected(object) {
                Some(expected) => bar.set_length(expected),
                None => bar.unset_length(),
            }
            bar.set_position(object.books.settled());
            bar.set_message(word(object, run.summary.kind));
            if object.state == ObjectState::Moved {
                bar.finish();
            }
        }
    }

    /// Lines for people, above the bars.
    pub(crate) fn say(&self, text: &str) {
        self.bars.suspend(|| eprint!("{text}"));
    }

    pub(crate) fn end(&self) {
        for bar in self.by_object.values() {
            bar.abandon();
        }
    }
}

/// How many records there are: as the source estimates, or else in proportion to the chunks, once these are all known.
fn expected(object: &ObjectView) -> Option<u64> {
    let settled = object.books.settled();
    let by_chunks = || {
        (object.planned && settled > 0 && object.chunks_done > 0)
            .then(|| settled.saturating_mul(object.chunks_total) / object.chunks_done)
    };
    match object.state {
        ObjectState::Moved => Some(object.books.extracted),
        _ => Some(object.estimated.or_else(by_chunks)?.max(settled)),
    }
}

fn word(object: &ObjectView, kind: RunKind) -> String {
    let refused = object.books.refused();
    match (object.state, refused) {
        (ObjectState::ReadingKeys, _) => "reading keys".to_owned(),
        (ObjectState::Picking, _) => "picking".to_owned(),
        (_, 0) => String::new(),
        (_, refused) if kind.writes() => format!("{refused} refused"),
        (_, refused) => format!("{refused} would be refused"),
    }
}

fn bar(object: &ObjectView, kind: RunKind) -> ProgressBar {
    let template = "{prefix:>16} [{bar:28}] {human_pos}/{total} {rate}{left} {msg}";
    // The template is ours and valid; the default stands in all the same.
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let rate = |state: &ProgressState, to: &mut dyn Write| {
        let _ = write!(to, "{}/s", HumanFloatCount(state.per_sec().round()));
    };
    let total = |state: &ProgressState, to: &mut dyn Write| {
        let _ = match state.len() {
            Some(records) => write!(to, "{}", HumanCount(records)),
            None => write!(to, "?"),
        };
    };
    let left = |state: &ProgressState, to: &mut dyn Write| {
        if state.len().is_some() && !state.is_finished() {
            let _ = write!(to, " {:#} left", HumanDuration(state.eta()));
        }
    };
    let style = style
        .with_key("rate", rate)
        .with_key("total", total)
        .with_key("left", left);
    ProgressBar::no_length()
        .with_style(style.progress_chars("=> "))
        .with_prefix(match kind.writes() {
            true => object.name.clone(),
            false => format!("dry run: {}", object.name),
        })
}
