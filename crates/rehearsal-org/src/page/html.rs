//! How pages are written: everything that is not markup goes through [`Html::text`], which escapes it.

use std::fmt::Write as _;

use axum::http::StatusCode;

use crate::values::moment::moment_text;

const STYLE: &str = include_str!("style.css");

/// A page being written.
pub(super) struct Html {
    title: String,
    /// Loads itself again after some seconds.
    refresh: bool,
    body: String,
}

impl Html {
    pub(super) fn new(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            refresh: false,
            body: String::new(),
        }
    }

    /// While something on it is under way.
    pub(super) fn refreshing(mut self, on: bool) -> Self {
        self.refresh = on;
        self
    }

    /// Markup of our own.
    pub(super) fn raw(&mut self, markup: &str) -> &mut Self {
        self.body.push_str(markup);
        self
    }

    /// Text of anybody's.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        escape(text, &mut self.body);
        self
    }

    /// An element around a text; `open` is its name with its attributes.
    pub(super) fn element(&mut self, open: &str, text: &str) -> &mut Self {
        let name = open.split(' ').next().unwrap_or(open);
        self.raw("<")
            .raw(open)
            .raw(">")
            .text(text)
            .raw("</")
            .raw(name)
            .raw(">")
    }

    pub(super) fn link(&mut self, to: &str, text: &str) -> &mut Self {
        self.raw("<a href=\"")
            .text(to)
            .raw("\">")
            .text(text)
            .raw("</a>")
    }

    /// A table cell with a number.
    pub(super) fn number(&mut self, number: usize) -> &mut Self {
        let class = if number == 0 {
            "td class=\"n zero\""
        } else {
            "td class=n"
        };
        self.element(class, &grouped(number))
    }

    pub(super) fn finish(self) -> String {
        let mut title = String::new();
        escape(&self.title, &mut title);
        let refresh = match self.refresh {
            true => "<meta http-equiv=refresh content=3>",
            false => "",
        };
        format!(
            "<!doctype html><html lang=en><head><meta charset=utf-8>\
             <meta name=viewport content=\"width=device-width,initial-scale=1\">{refresh}<title>{title}</title>\
             <style>{STYLE}</style></head><body>{}</body></html>",
            self.body
        )
    }
}

/// A page that says why there is none.
pub(super) fn refusal(status: StatusCode) -> Html {
    let (title, why) = match status {
        StatusCode::FORBIDDEN => (
            "Not from here",
            "These pages are for browsers on this machine: open them at 127.0.0.1 or localhost.",
        ),
        StatusCode::NOT_FOUND => ("Not found", "There is no such object, record or job."),
        StatusCode::METHOD_NOT_ALLOWED => ("Read only", "These pages only read."),
        _ => ("Something failed", "The page could not be made."),
    };
    let mut page = Html::new(title);
    page.raw("<main class=narrow>")
        .element("h1", title)
        .element("p", why);
    if status != StatusCode::FORBIDDEN {
        page.raw("<p>").link("/", "Back to the org").raw("</p>");
    }
    page.raw("</main>");
    page
}

fn escape(text: &str, out: &mut String) {
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
}

/// Digits in groups of three.
pub(super) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + 4);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A moment as people read it, in UTC.
pub(super) fn moment(seconds: i64) -> String {
    let text = moment_text(seconds);
    let mut out = String::new();
    let day = text.get(..10).unwrap_or(&text);
    let _ = write!(out, "{day} {}", text.get(11..19).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_and_numbers_grouped() {
        let mut page = Html::new("<t>");
        page.element("td class=n", "<script>alert('x')</script>")
            .link("/a\"b", "x&y");
        let page = page.finish();
        assert!(page.contains("<title>&lt;t&gt;</title>"));
        assert!(page.contains("<td class=n>&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;</td>"));
        assert!(page.contains("<a href=\"/a&quot;b\">x&amp;y</a>"));
        let shown = [0, 999, 1_000, 12_345_678].map(grouped);
        assert_eq!(shown, ["0", "999", "1,000", "12,345,678"]);
        assert_eq!(moment(0), "1970-01-01 00:00:00");
    }
}
