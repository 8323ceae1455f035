//! Progress bars on standard error, one per object: records, rate, time left. Drawn only on a terminal.

use std::collections::HashMap;

use api::{ObjectView, RunView};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use model::ObjectState;

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
                .or_insert_with(|| self.bars.add(bar(object)));
            let settled = object.books.settled();
            let expected = match object.state {
                ObjectState::Moved => object.books.extracted,
                _ => object.estimated.unwrap_or_default().max(settled),
            };
            bar.set_length(expected);
            bar.set_position(settled);
            bar.set_message(word(object));
            if object.state == ObjectState::Moved && !bar.is_finished() {
                bar.finish();
            }
        }
    }

    pub(crate) fn end(&self) {
        for bar in self.by_object.values() {
            bar.abandon();
        }
    }
}

fn word(object: &ObjectView) -> String {
    let refused = object.books.refused();
    match (object.state, refused) {
        (ObjectState::ReadingKeys, _) => "reading keys".to_owned(),
        (_, 0) => String::new(),
        (_, refused) => format!("{refused} refused"),
    }
}

fn bar(object: &ObjectView) -> ProgressBar {
    let template = "{prefix:>16} [{bar:28}] {human_pos}/{human_len} {per_sec} {eta} left {msg}";
    // The template is ours and valid; the default stands in all the same.
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::no_length()
        .with_style(style.progress_chars("=> "))
        .with_prefix(object.name.clone())
}
